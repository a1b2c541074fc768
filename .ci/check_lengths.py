"""Find files that are too long: more than 300 lines hold more than one thing. Lock files, licences and data do not count."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent
MOST = 300
KINDS = {".py", ".sql", ".yml", ".yaml", ".md", ".toml", ".sh", ".example"}
NAMES = {"Makefile", "run"}


def too_long(path: Path) -> str | None:
    """What is wrong with a file, if anything is."""
    lines = path.read_bytes().count(b"\n")
    return f"{path.relative_to(PROJECT)} has {lines} lines; {MOST} is the most. Split it." if lines > MOST else None


def main() -> int:
    """Print what is too long; 1 if anything is."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    files = [PROJECT / name for name in listed.stdout.split("\0") if name]
    counted = [file for file in files if file.is_file() and (file.suffix in KINDS or file.name in NAMES)]
    found = [text for file in counted if (text := too_long(file))]
    print("\n".join(found) or f"{len(counted)} files, none with more than {MOST} lines")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
