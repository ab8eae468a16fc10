"""``powerenvs completion``: a script by which shells complete commands, options and ids."""

from __future__ import annotations

import argparse

from power_metrics.cli.command import Command

SHELLS = ("bash", "zsh", "fish")
HELP = (
    "bash (in ~/.bashrc: source <(powerenvs completion bash)), zsh (the same in ~/.zshrc) or fish (in its config: "
    "powerenvs completion fish | source)"
)

_BASH = """_powerenvs() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" words=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{commands}"
    else
        case "${{COMP_WORDS[1]}}" in
{cases}
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    [ -n "${{COMPREPLY[*]}}" ] || COMPREPLY=($(compgen -f -- "$current"))
}}
complete -F _powerenvs powerenvs
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The shell."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=HELP)


def run(args: argparse.Namespace) -> None:
    """Prints the script."""
    print(script(args.shell, args.options_by_command(), names()), end="")


def names() -> list[str]:
    """What stands for an environment: ids and games."""
    from powerenvs.registry import environments
    from powerenvs.sources.by_name import game_names

    return [*(entry.id for entry in environments()), *game_names()]


def script(shell: str, commands: dict[str, list[str]], ids: list[str]) -> str:
    """The script of a shell, from the options of each command."""
    if shell == "fish":
        first = "complete -c powerenvs -n __fish_use_subcommand -a"
        lines = [f"{first} '{' '.join(commands)}'"]
        for command, options in commands.items():
            when = f"complete -c powerenvs -n '__fish_seen_subcommand_from {command}'"
            lines += [f"{when} -l {option.removeprefix('--')}" for option in options]
            lines.append(f"{when} -a '{' '.join(ids)}'")
        return "\n".join(lines) + "\n"
    cases = "\n".join(
        f'            {command}) words="{" ".join([*options, *ids])}" ;;' for command, options in commands.items()
    )
    text = _BASH.format(commands=" ".join(commands), cases=cases)
    return f"autoload -U +X bashcompinit && bashcompinit\n{text}" if shell == "zsh" else text


COMMAND = Command(
    "completion",
    "print a script by which a shell completes commands, options and ids",
    "powerenvs completion bash\n  powerenvs completion fish",
    add_arguments,
    run,
)
