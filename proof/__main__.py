"""``python -m proof``: run the claims, print what they found, and write ``docs/proof.md``."""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from proof import claims, page

DESCRIPTION = """\
Runs what the README claims, and writes the result of each run to docs/proof.md and
proof/results.json. Each run starts the servers that it needs.
"""

EPILOG = """\
  python -m proof                          every claim, some hours
  python -m proof --short                  each in a short version, some minutes
  python -m proof server_killed disk_full  these
  python -m proof --list                   their names

Exit code: 0 if every claim holds, 1 if one does not, 2 for a wrong option.
A claim that cannot be shown here, because a program or a privilege is missing, is skipped.
"""


def main() -> int:
    options = _options()
    known = claims.load()
    if options.list:
        print("\n".join(f"{name:24} {claim.sentence}" for name, claim in known.items()))
        return 0
    unknown = sorted(set(options.names) - set(known))
    if unknown:
        print(f"There is no claim {unknown[0]!r}. There are: {', '.join(known)}", file=sys.stderr)
        return 2
    failed = False
    for name in options.names or known:
        run = claims.Run(short=options.short, seed=options.seed)
        result = _carry_out(known[name], run)
        failed |= result == page.BROKEN
        if (options.keep or not options.short) and result != page.SKIPPED:
            short = " --short" * options.short
            page.keep(known[name], run, result, f"python -m proof {name}{short}")
    return 1 if failed else 0


def _carry_out(claim: claims.Claim, run: claims.Run) -> str:
    print(f"{claim.name}: {claim.sentence}", flush=True)
    begun = time.monotonic()
    try:
        claim.function(run)
    except claims.CannotRun as error:
        print(f"  skipped: {error}", flush=True)
        return page.SKIPPED
    except Exception:
        run.violations.append(traceback.format_exc())
    run.figures["seconds"] = round(time.monotonic() - begun)
    result = page.BROKEN if run.violations else page.HOLDS
    print(f"  {result}: {page.figures(run)}", flush=True)
    for violation in run.violations:
        print(f"  {violation}", flush=True)
    return result


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m proof",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="all by default")
    parser.add_argument("--list", action="store_true", help="list the claims, and run none")
    parser.add_argument("--short", action="store_true", help="short runs")
    parser.add_argument("--keep", action="store_true", help="keep the results of short runs too")
    parser.add_argument("--seed", type=int, default=1, help="of what happens by chance")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
