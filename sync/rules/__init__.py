"""Rules that phone and office share: pure functions of documents, so that both come to the same answer."""
