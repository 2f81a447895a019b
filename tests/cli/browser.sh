# Chromium without a window, for the scripts that open pages. Read it after checks.sh.
browser=
for name in chromium chromium-browser google-chrome; do
    [ -z "$browser" ] && browser=$(command -v "$name")
done
headless() { # headless FLAG... PAGE: what Chromium prints, its log on stderr
    timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars --no-first-run \
        --user-data-dir="$work/profile" --virtual-time-budget="${BROWSER_BUDGET:-5000}" --enable-logging=stderr "$@"
}
browser_starts() { # browser_starts WHAT: or else says that WHAT is skipped
    if [ -z "$browser" ]; then
        echo "SKIPPED: $1: there is no chromium here (apt-get install chromium)"
        return 1
    fi
    headless --dump-dom about:blank >blank.html 2>blank.log && grep -q "<body>" blank.html && return 0
    echo "SKIPPED: $1: chromium does not start here: $(tail -1 blank.log)"
    return 1
}
