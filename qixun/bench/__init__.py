"""How fast it is: figures measured side by side with a peer in the same run, told as ratios (`qixun bench`)."""

# What `qixun bench sync` measures, in its order.
PARTS = ("push", "pull", "nothing_new", "hub", "app_start", "intake", "visible", "slow_link", "phones")
# A day's photos of one phone, and the phones of a company that come back to the network at once.
PHOTOS, PHONES = 40, 200
