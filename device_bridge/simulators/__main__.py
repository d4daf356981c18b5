"""Starts one simulated device: a receiver that walks (gps), a methane detector (detector), tags to hold near (tags),
a filling scale with its gun lock (scale), a station's controller with its tanks and detectors (station), a UHF reader
(uhf), cameras with their recorder (camera).
"""

import argparse
import asyncio
import importlib
import sys

KINDS = ("gps", "detector", "tags", "scale", "station", "uhf", "camera")


def main() -> None:
    chooser = argparse.ArgumentParser(
        prog="python -m device_bridge.simulators", description=__doc__, add_help=len(sys.argv) < 3
    )
    chooser.add_argument("kind", choices=KINDS, help="KIND --help tells more")
    chosen, rest = chooser.parse_known_args()
    # Imported by need: the detector's Bluetooth stack takes a second to load, and may not be installed.
    simulator = importlib.import_module(f"device_bridge.simulators.{chosen.kind}")
    parser = argparse.ArgumentParser(
        prog=f"python -m device_bridge.simulators {chosen.kind}", description=simulator.__doc__
    )
    parser.add_argument("--control", type=int, metavar="PORT", help="also take commands on this TCP port")
    simulator.add_arguments(parser)
    try:
        asyncio.run(simulator.run(parser.parse_args(rest)))
    except (OSError, RuntimeError) as error:
        sys.exit(f"{chosen.kind}: {error}")


if __name__ == "__main__":
    main()
