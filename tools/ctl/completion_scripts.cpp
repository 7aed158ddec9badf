#include "ctl/completion_scripts.hpp"

namespace penstock::ctl {

namespace {

// bash splits words at "=" and ":" too: they are put together again, and what stands before the
// last of these is taken off the candidates.
constexpr std::string_view bash = R"(# bash completion for penstockctl: it is asked what fits.
_penstockctl() {
    local word typed='' joined=() lines=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
        if [[ $typed == *[=:] || $word == [=:]* ]] && ((${#joined[@]})); then
            joined[-1]+=$word
        else
            joined+=("$word")
        fi
        typed=$word
    done
    local current=${joined[-1]-} last=${COMP_WORDS[COMP_CWORD]}
    [[ $last == [=:]* ]] && last=''
    local before=${current%"$last"}
    COMPREPLY=()
    mapfile -t lines < <("${COMP_WORDS[0]}" __complete "${joined[@]}" 2>/dev/null)
    if [[ ${lines[0]-} == :files ]]; then
        compopt -o default
        return
    fi
    for word in "${lines[@]:1}"; do
        word=${word%%$'\t'*}
        COMPREPLY+=("${word#"$before"}")
    done
}
complete -F _penstockctl penstockctl
)";

constexpr std::string_view zsh = R"(#compdef penstockctl
# zsh completion for penstockctl: it is asked what fits.
compdef _penstockctl penstockctl

_penstockctl() {
    local line
    local -a lines found
    lines=("${(@f)$("${(Q)words[1]}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ ${lines[1]} == :files ]]; then
        _files
        return
    fi
    for line in "${(@)lines[2,-1]}"; do
        [[ -n $line ]] || continue
        if [[ $line == *$'\t'?* ]]; then
            found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        else
            found+=("${${line%%$'\t'*}//:/\\:}")
        fi
    done
    _describe -t penstockctl penstockctl found
}

if [[ ${funcstack[1]} == _penstockctl ]]; then
    _penstockctl "$@"
fi
)";

constexpr std::string_view fish = R"(# fish completion for penstockctl: it is asked what fits.
function __penstockctl_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines (command $words[1] __complete $words[2..] "$current" 2>/dev/null)
    if test "$lines[1]" = :files
        __fish_complete_path "$current"
    else
        printf '%s\n' $lines[2..]
    end
end
complete -c penstockctl -f -a '(__penstockctl_complete)'
)";

}  // namespace

std::string_view completion_script(std::string_view shell) noexcept {
    if (shell == "bash") return bash;
    if (shell == "zsh") return zsh;
    return shell == "fish" ? fish : std::string_view();
}

}  // namespace penstock::ctl
