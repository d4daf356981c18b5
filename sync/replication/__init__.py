"""Replication protocol version 3 between a `Store` and a database of a CouchDB hub."""

from sync.replication.remote import RemoteDatabase
from sync.replication.replicator import Progress, Replicated, Replicator

__all__ = ["Progress", "RemoteDatabase", "Replicated", "Replicator"]
