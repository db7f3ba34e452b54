"""Prints every path of a lab machine that a fix could change, one line each: times and inodes are left out.

    listing.py [PLACE ...]

A line is: path, type, mode, owner, and then the target of a link; or size, hash, number of names (with the first
of them, so that two names of one file are told from two files) and extended attributes of a file.
"""

import hashlib
import os
import stat
import sys
from collections.abc import Iterator

PLACES = ("/etc", "/srv", "/home", "/root", "/usr/local/bin", "/var/lib", "/var/www", "/run/systemd/system")

# What others write all the time, and what is the doctor's own.
IGNORED = frozenset(
    {*(f"/var/lib/{name}" for name in ("apt", "dpkg", "flaskdoctor", "nginx", "systemd")), "/etc/machine-id"}
)

first_names: dict[tuple[int, int], str] = {}


def paths(place: str) -> Iterator[str]:
    """The place and all below it, in order, links not followed."""
    if place in IGNORED or not os.path.lexists(place):
        return
    yield place
    if os.path.isdir(place) and not os.path.islink(place):
        for name in sorted(os.listdir(place)):
            yield from paths(f"{place.rstrip('/')}/{name}")


def describe(path: str) -> str:
    """One line; "" for a socket, which comes and goes with its program."""
    status = os.lstat(path)
    mode = status.st_mode
    head = f"{path} {stat.filemode(mode)} {status.st_uid}:{status.st_gid}"
    if stat.S_ISSOCK(mode):
        return ""
    if stat.S_ISLNK(mode):
        return f"{head} -> {os.readlink(path)}"
    if not stat.S_ISREG(mode):
        return f"{head}{attributes(path)}"
    with open(path, "rb") as file:
        content = hashlib.sha256(file.read()).hexdigest()[:16]
    return f"{head} {status.st_size} {content}{names(path, status)}{attributes(path)}"


def names(path: str, status: os.stat_result) -> str:
    if status.st_nlink == 1:
        return ""
    first = first_names.setdefault((status.st_dev, status.st_ino), path)
    return f" {status.st_nlink} names, the first {first}"


def attributes(path: str) -> str:
    return "".join(f" {name}={os.getxattr(path, name).hex()}" for name in sorted(os.listxattr(path)))


def main() -> None:
    sys.setrecursionlimit(10_000)
    for place in sys.argv[1:] or PLACES:
        for path in paths(place):
            line = describe(path)
            if line:
                print(line)


main()
