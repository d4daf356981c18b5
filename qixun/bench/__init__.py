"""How fast it is: figures measured side by side with a peer in the same run, told as ratios (`qixun bench`)."""
