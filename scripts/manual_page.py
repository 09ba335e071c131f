#!/usr/bin/env python3
"""Writes the manual page of what `--help` says: manual_page.py MAGNETAR OUT"""

import os
import re
import subprocess
import sys

OPTION = re.compile(r"^  (\S.*?)(?:  +(\S.*))?$")


class Incomplete(Exception):
    pass


def help_of(magnetar, *command):
    """The text, with the user's folders by their usual names."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAGNETAR_", "XDG_"))}
    return subprocess.run([magnetar, *command, "--help"], check=True, capture_output=True, text=True,
                          env={**environment, "HOME": "~"}).stdout


def sections(text):
    """Titles and their entries: what an entry is called, and what it means."""
    result, entries = {}, None
    for line in text.splitlines():
        if line.endswith(":") and not line.startswith(" ") and not line.startswith("Usage"):
            entries = result.setdefault(line[:-1], [])
        elif entries is not None and line.startswith(" " * 20):
            entries[-1][1] = (entries[-1][1] + " " + line.strip()).strip()
        elif entries is not None and (match := OPTION.match(line)):
            entries.append([match.group(1), match.group(2) or ""])
        elif line.strip():
            entries = None
    return result


def check(where, entries):
    for name, meaning in entries:
        if not meaning:
            raise Incomplete(f"{where}: {name} is not described")


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def entry(name, meaning):
    """The lines of an option, as CLI11 shows it: FLAG TYPE:RANGE=DEFAULT (Env:VARIABLE) REQUIRED."""
    variable = re.search(r"\(Env:(\w+)\)", name)
    name = re.sub(r" \(Env:\w+\)| REQUIRED| Excludes: .*", "", name).replace("-h,--help", "-h, --help")
    flag, _, value = (name, "", "") if name == "-h, --help" else name.partition(" ")
    value, _, default = value.partition("=")
    value, allowed = re.fullmatch(r"(.*?)(?::(\{.*\}|UINT in \[.*\]|POSITIVE))?", value).groups()
    notes = []
    if allowed:
        notes.append(allowed.removeprefix("UINT in ").lower())
    # The cache folder depends on who runs the program; FILES tells.
    if default and flag != "--cache":
        notes.append(f"default {default}")
    if variable and flag != "--config" and variable.group(1) != "MAGNETAR_" + flag[2:].upper().replace("-", "_"):
        raise Incomplete(f"{flag}: its environment variable is {variable.group(1)}")
    head = f"\\fB{roff(flag)}\\fR" + (f" \\fI{roff(value)}\\fR" if value else "")
    return [".TP", head, roff(meaning + (f" ({'; '.join(notes)})" if notes else ""))]


def page(magnetar):
    text = help_of(magnetar)
    version = subprocess.run([magnetar, "--version"], check=True, capture_output=True, text=True).stdout.split()[-1]
    top = sections(text)
    commands = top["Subcommands"]
    check("magnetar", commands + top["Options"])
    lines = [f'.TH MAGNETAR 1 "" "magnetar {version}" "User Commands"', ".SH NAME",
             "magnetar \\- " + roff(text.splitlines()[0].partition(": ")[2]), ".SH SYNOPSIS",
             "\\fBmagnetar\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIOPTIONS\\fR]", ".SH DESCRIPTION",
             roff(text.splitlines()[-1]), ".SH OPTIONS"]
    for option in top["Options"]:
        lines += entry(*option)
    lines.append(".SH COMMANDS")
    for command, summary in commands:
        described = sections(help_of(magnetar, command))
        lines += [f".SS {command}", roff(summary) + "."]
        for title in ("Positionals", "Options"):
            check(f"magnetar {command}", described.get(title, []))
            for option in described.get(title, []):
                if not option[0].startswith("-h,"):
                    lines += entry(*option)
    lines += [".SH EXIT STATUS"]
    for status, meaning in (("0", "done; `run`: the guest's own exit code"), ("1", "refused: a proof, a request"),
                            ("2", "unusable input or usage"), ("3", "the guest faulted"),
                            ("4", "the environment failed: disk, memory, network, device"), ("130", "interrupted")):
        lines += [".TP", f"\\fB{status}\\fR", roff(meaning)]
    lines += [".SH FILES", ".TP", "\\fI~/.cache/magnetar\\fR, \\fI$XDG_CACHE_HOME/magnetar\\fR",
              roff("cached parameters, and the compiled runtime and programs of `compile` (of root: in "
                   "/var/cache/magnetar). Can be removed at any time."), ".TP",
              "\\fI~/.local/state/magnetar\\fR, \\fI$XDG_STATE_HOME/magnetar\\fR",
              roff("the state of orchestrator and worker")]
    return "\n".join(lines) + "\n"


def main():
    magnetar, out = sys.argv[1:]
    try:
        text = page(magnetar)
    except Incomplete as what:
        sys.exit(f"manual_page.py: {what}")
    with open(out, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
