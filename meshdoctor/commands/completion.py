"""`meshdoctor completion SHELL`: a script made from the parser itself, so it cannot drift."""

from __future__ import annotations

import argparse

from meshdoctor.commands.arguments import parser


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    commands, flags = _words()
    scripts = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    print(scripts[arguments.shell](commands, flags))
    return 0


def _words() -> tuple[dict[str, str], dict[str, list[str]]]:
    """Commands with their help, and the flags of each."""
    top = parser()
    action = next(a for a in top._actions if isinstance(a, argparse._SubParsersAction))
    commands = {choice.dest: choice.help or "" for choice in action._choices_actions}
    flags = {name: sorted(o for a in sub._actions for o in a.option_strings) for name, sub in action.choices.items()}
    flags[""] = sorted(o for a in top._actions for o in a.option_strings)
    return commands, flags


def _bash(commands: dict[str, str], flags: dict[str, list[str]]) -> str:
    cases = "\n".join(f'    {name}) words="{" ".join(flags[name])}" ;;' for name in commands)
    return f"""_meshdoctor() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}" words="{" ".join([*commands, *flags[""]])}" word
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do case "$word" in
{cases}
  esac; done
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -o default -F _meshdoctor meshdoctor"""


def _zsh(commands: dict[str, str], flags: dict[str, list[str]]) -> str:
    return "autoload -U +X bashcompinit && bashcompinit\n" + _bash(commands, flags)


def _fish(commands: dict[str, str], flags: dict[str, list[str]]) -> str:
    lines = ["complete -c meshdoctor -f"]
    for name, text in commands.items():
        quoted = text.replace("'", "\\'")
        lines.append(f"complete -c meshdoctor -n __fish_use_subcommand -a {name} -d '{quoted}'")
        for flag in flags[name]:
            option = f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
            lines.append(f"complete -c meshdoctor -n '__fish_seen_subcommand_from {name}' {option}")
    return "\n".join(lines)
