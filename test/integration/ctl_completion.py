"""Completion in the shells that it is for: what bash, zsh and fish themselves offer."""

import os
import shutil
import subprocess
from pathlib import Path

from ctl import admin_of, ctl_binary, ctl_environment, expect_ctl, run_ctl
from harness import case, cases, contains, equal, expect, free_port, lacks

BASH = r"""
source <(penstockctl completion bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
compopt() { echo "compopt $*"; }
_penstockctl
printf '%s\n' "${COMPREPLY[@]}"
"""

# What zsh's own functions would be given.
ZSH = r"""
compdef() { : }
_files() { print -r -- :files }
_describe() { local item; for item in "${(@P)@[-1]}"; do item=${item//\\:/$'\x01'}; print -r -- "${${item%%:*}//$'\x01'/:}"; done }
source <(penstockctl completion zsh)
words=("$@") CURRENT=$#
_penstockctl
"""

# A zsh at a terminal, in which the line is typed, the key pressed, and what then stands there shown.
ZSH_KEY = r"""
zmodload zsh/zpty
zpty z "zsh -f -i"
zpty -w z "PS1= PS2= RPS1=; autoload -Uz compinit; compinit -u -d $ZDUMP; source <(penstockctl completion zsh)"
zpty -w z "show() { zle -I; print -r -- \"<\$BUFFER>\" }; zle -N show; bindkey '^X' show; echo rea''dy"
zpty -r -m z out '*ready*'
zpty -w -n z "$1"$'\t\C-x'
zpty -r -m z out '*<*>*'
print -r -- "$out"
zpty -d z
"""


def shell_environment(proxy, folder):
    """penstockctl by that name on the PATH, in front of what else is."""
    links = Path(folder) / "bin"
    links.mkdir(exist_ok=True)
    link = links / "penstockctl"
    if not link.exists():
        link.symlink_to(ctl_binary())
    where = admin_of(proxy) if proxy else f"http://127.0.0.1:{free_port()}"
    return ctl_environment({"PATH": f"{links}:{os.environ['PATH']}", "PENSTOCK_ADMIN": where, "HOME": folder,
                            "ZDUMP": f"{folder}/zcompdump", "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder})


def run_shell(t, command, proxy):
    folder = t.folder()
    ended = subprocess.run(command, env=shell_environment(proxy, folder), capture_output=True, text=True, timeout=60, cwd=folder)
    return ended.stdout + ended.stderr


def bash_words(line):
    """As bash splits them for completion: at "=" and ":" too."""
    words, word = [], ""
    for c in line:
        if c == " ":
            words, word = words + ([word] if word else []), ""
        elif c in "=:":
            words, word = words + ([word] if word else []) + [c], ""
        else:
            word += c
    return words + [word] if word or line[-1:] not in "=:" else words


def offered_by_bash(t, line, proxy=None):
    return run_shell(t, ["bash", "--norc", "-c", BASH, "bash", *bash_words(line)], proxy).split("\n")


def offered_by_fish(t, line, proxy=None):
    script = f"penstockctl completion fish | source; complete -C {line!r}"
    return [one.split("\t")[0] for one in run_shell(t, ["fish", "--no-config", "-c", script], proxy).split("\n")]


def offered_by_zsh(t, line, proxy=None):
    return run_shell(t, ["zsh", "-f", "-c", ZSH, "zsh", *line.split(" ")], proxy).split("\n")


SHELLS = {"bash": offered_by_bash, "zsh": offered_by_zsh, "fish": offered_by_fish}


def with_routes(t):
    proxy = t.start()
    for name in ("api.test", "app.test", "web.test", "*.wild.test"):
        proxy.add_route(name, {"id": f"of-{name[:3]}", "hostname": "127.0.0.1", "port": 9})
    return proxy


def of_shell(shell):
    if not shutil.which(shell):
        from checks import Skipped
        raise Skipped(f"there is no {shell} here: tools/setup --test")
    return SHELLS[shell]


@cases([(f"{shell} completes commands, flags, choices and files", shell) for shell in SHELLS])
def static(t, shell):
    offered = of_shell(shell)
    words = offered(t, "penstockctl ro")
    expect("routes" in words and "stats" not in words, f"commands that begin with ro: {words}")
    words = offered(t, "penstockctl backends ")
    for word in ("list", "add", "rm", "drain", "undrain"):
        expect(word in words, f"{word} is among the commands of backends: {words}")
    words = offered(t, "penstockctl routes apply --d")
    expect("--dry-run" in words, f"flags that begin with --d: {words}")
    words = offered(t, "penstockctl routes list -o ")
    expect("json" in words and "table" in words, f"the outputs: {words}")


@cases([(f"{shell} completes names that the API has now", shell) for shell in SHELLS])
def live(t, shell):
    offered = of_shell(shell)
    proxy = with_routes(t)
    words = offered(t, "penstockctl routes get ap", proxy)
    expect("api.test" in words and "app.test" in words and "web.test" not in words, f"routes that begin with ap: {words}")
    words = offered(t, "penstockctl backends drain api.test ", proxy)
    expect("of-api" in words, f"the route's backends: {words}")
    words = offered(t, "penstockctl stats web", proxy)
    expect("web.test" in words, f"routes that begin with web: {words}")


@case("in a zsh at a terminal the key completes the line")
def zsh_key(t):
    of_shell("zsh")
    proxy = with_routes(t)
    text = run_shell(t, ["zsh", "-f", "-c", ZSH_KEY, "zsh", "penstockctl routes get we"], proxy)
    contains(text, "<penstockctl routes get web.test >", "the line after the key")


@case("bash puts together again what it splits at = and :")
def word_breaks(t):
    equal([one for one in offered_by_bash(t, "penstockctl --output=js") if one], ["json"], "--output=js")
    proxy = with_routes(t)
    words = offered_by_bash(t, f"penstockctl --admin http://127.0.0.1:{proxy.admin_port} routes get we")
    equal([one for one in words if one], ["web.test"], "behind an --admin with colons")
    words = offered_by_bash(t, f"penstockctl --admin=http://127.0.0.1:{proxy.admin_port} routes get we")
    equal([one for one in words if one], ["web.test"], "behind an --admin= with colons")
    contains("\n".join(offered_by_bash(t, "penstockctl routes apply -f ")), "compopt -o default", "files")


# What the shells ask.

def candidates(proxy, *words):
    ended = expect_ctl(None, "__complete", *words, env={"PENSTOCK_ADMIN": admin_of(proxy)} if proxy else None)
    kind, *lines = ended.out.splitlines()
    return kind, [line.split("\t")[0] for line in lines]


@case("names begin with what is typed, an exact one and wildcards included")
def prefixes(t):
    proxy = with_routes(t)
    proxy.add_route("api.test2")
    equal(candidates(proxy, "routes", "get", "api.test"), (":words", ["api.test", "api.test2"]), "an exact name")
    equal(candidates(proxy, "routes", "get", "*"), (":words", ["*.wild.test"]), "a wildcard")
    equal(candidates(proxy, "routes", "rm", "api.test", "app"), (":words", ["app.test"]), "one more of several")
    equal(candidates(proxy, "routes", "get", "api.test", ""), (":words", []), "where nothing more belongs")
    equal(candidates(proxy, "routes", "get", "--", "app"), (":words", ["app.test"]), "behind --")
    equal(candidates(proxy, "config", "rollback", ""), (":words", [str(one) for one in range(5, 0, -1)]), "revisions")
    equal(candidates(proxy, "routes", "apply", "--file="), (":files", []), "a file")


@case("completion says nothing and waits for nobody where the API is silent or absent")
def without_api(t):
    equal(candidates(None, "--admin", f"http://127.0.0.1:{free_port()}", "routes", "get", ""), (":words", []), "nobody listens")
    equal(candidates(None, "--admin", "http://me:pw@x", "routes", "get", ""), (":words", []), "no address")
    from harness import never_answers
    origin = t.bare_origin(never_answers)
    ended = run_ctl(None, "__complete", "--admin", f"http://127.0.0.1:{origin.port}", "stats", "", deadline=10)
    equal((ended.code, ended.out, ended.err), (0, ":words\n", ""), "an API that does not answer")


@case("every command that there is can be completed")
def whole_tree(t):
    def descend(path):
        kind, words = candidates(None, *path, "")
        equal(kind, ":words", f"behind {path}")
        text = expect_ctl(None, *path, "--help").out
        below = [line.split()[0] for line in text.partition("Subcommands:\n")[2].splitlines() if line.strip()]
        if below:
            equal(words, below, f"commands behind {path}")
        for flag in candidates(None, *path, "--")[1]:
            expect(flag in text or flag in expect_ctl(None, "--help").out, f"{flag} of {path} is in its help")
        for word in below:
            descend([*path, word])
    descend([])
