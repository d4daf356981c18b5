"""`python -m device_bridge.simulators gps|detector|tags`: starts one simulated device."""

import argparse
import asyncio
import sys

from device_bridge.simulators import detector, gps, tags

KINDS = {"gps": gps, "detector": detector, "tags": tags}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m device_bridge.simulators", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    for name, module in KINDS.items():
        kind = kinds.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        kind.add_argument("--control", type=int, metavar="PORT", help="also take commands on this TCP port")
        module.add_arguments(kind)
    options = parser.parse_args()
    try:
        asyncio.run(KINDS[options.kind].run(options))
    except (OSError, RuntimeError) as error:
        sys.exit(f"{options.kind}: {error}")


if __name__ == "__main__":
    main()
