# What the scripts in tools/ share: source it first. It goes to the repository's root and stops at the first error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# The options of each build directory, build/NAME: what it is for decides them.
build_options() { # NAME
    case $1 in
        release) echo --buildtype=release -Db_lto=true "-Db_lto_threads=$(nproc)" ;; # what runs, what bench/ measures
        test) echo --buildtype=debugoptimized --werror ;;                # the suite, as good as released
        dev) echo --buildtype=debug -Doptimization=1 --werror ;;         # the quick loop
        gcc) echo --buildtype=plain -Doptimization=0 -Db_pch=false --werror ;; # that the other compiler takes it, and is right
        # No --werror with sanitizers: g++ then sees uninitialized values where there are none, and misses fences.
        asan) echo --buildtype=debug -Doptimization=1 -Db_lundef=false -Db_sanitize=address,undefined ;;
        tsan) echo --buildtype=debug -Doptimization=1 -Db_lundef=false -Db_sanitize=thread ;;
        fuzz) echo --buildtype=debugoptimized -Db_lundef=false -Db_sanitize=address,undefined -Dfuzz=true ;;
        *) die "no build is called '$1' (release, test, dev, gcc, asan, tsan, fuzz)" ;;
    esac
}

# compiler_of NAME: what runs is built, and tested, with clang 19 where it is there: it makes better code of coroutines
# (bench/RESULTS.md), and sanitizers' builds in half the time. Empty: $CXX, or Meson's choice.
compiler_of() {
    case $1 in
        gcc) echo g++ ;;
        release | test | asan | tsan) [[ ${CXX:-} ]] || ! command -v clang++-19 >/dev/null || echo clang++-19 ;;
    esac
}

# build_dir NAME: another compiler's objects stay apart (CXX=clang++ tools/test).
build_dir() { echo "build/$1${CXX:+-${CXX##*/}}"; }

# configure NAME: with Meson, where that is not done yet, or the options above or the folders in it have changed.
configure() {
    local dir compiler ccache='' options binaries='' basis stamp log how=()
    dir=$(build_dir "$1")
    compiler=$(compiler_of "$1")
    # Meson uses ccache by itself only where no compiler is named.
    if command -v ccache >/dev/null; then ccache="'ccache', "; fi
    # clang's LTO wants its own linker; and its own llvm-ar or else "ar": Meson would take another version's.
    case $compiler in
        clang*) binaries="cpp = [$ccache'$compiler']"$'\n'"c = [$ccache'${compiler/++/}']"$'\n'"cpp_ld = 'lld'"$'\n'"c_ld = 'lld'"
                binaries+=$'\n'"ar = '$(command -v llvm-ar-19 || echo ar)'" ;;
        g++) binaries="cpp = [${ccache}'g++']"$'\n'"c = [${ccache}'gcc']" ;;
    esac
    options=$(build_options "$1")
    basis="$options $compiler by file"
    stamp="$basis"$'\n'$(find src test bench tools -name meson.build | sort)
    log=$dir/configure.log
    [[ ! -f $dir/build.ninja || $(cat "$dir/stamp" 2>/dev/null) != "$stamp" ]] || return 0
    if [[ -f $dir/build.ninja && $(head -n 1 "$dir/stamp") == "$basis" ]]; then
        how=(--reconfigure)
    else
        rm -rf "$dir" && mkdir -p "$dir"
    fi
    # A file, not the environment: Meson reads it again where ninja has it configure anew.
    printf '[binaries]\n%s\n' "$binaries" >"$dir.ini"
    # No fall-back to subprojects/: tools/setup installed what there is to find.
    # shellcheck disable=SC2086 # the options are words
    meson setup "${how[@]}" --native-file "$dir.ini" --wrap-mode=nofallback $options "$dir" >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        die "meson cannot set up $dir (above; all of it in $log)"
    }
    echo "$stamp" >"$dir/stamp"
}

# build NAME [TARGET...]: configures where needed and builds these targets, else all.
build() {
    local dir quiet=(--quiet)
    dir=$(build_dir "$1")
    configure "$1"
    shift
    if [[ -t 1 ]]; then quiet=(); fi
    ninja -C "$dir" -j "$(nproc)" "${quiet[@]}" "$@" || die "the build in $dir failed"
}

# amount_and_engines DEFAULT [AMOUNT [ENGINE...]]: what most proofs are given; sets amount and engines.
amount_and_engines() {
    amount=${2:-$1}
    engines=("${@:3}")
    ((${#engines[@]})) || engines=(uring epoll)
}

# use_release: builds what runs and the tests' origin, and names them to the programs that follow.
use_release() {
    build release src/app/penstock test/support/origin
    export PENSTOCK_BIN=build/release/src/app/penstock ORIGIN_BIN=build/release/test/support/origin
}
