"""Simulated devices, each a process of its own, driven by line commands: see device_bridge/README.md."""
