"""Cases of a test program: functions marked with @test, each with an empty folder. run_cases(WORDS) runs those whose name has one of the
words (none: all), prints TAP and ends the process."""
import sys
import tempfile
import traceback

TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


def equal(got, want):
    assert got == want, f"got:\n{got}\nwanted:\n{want}"


def contains(text, *parts):
    for part in parts:
        assert part in text, f"{part!r} is not in:\n{text}"


def run_cases(words, skip=lambda name: ""):
    """skip: why a case cannot be run here, or an empty text."""
    tests = [fn for fn in TESTS if not words or any(word in fn.__name__ for word in words)]
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, fn in enumerate(tests, 1):
        if skip(fn.__name__):
            print(f"ok {number} - {fn.__name__} # SKIP {skip(fn.__name__)}", flush=True)
            continue
        with tempfile.TemporaryDirectory(prefix="millrace-test.") as tmp:
            try:
                fn(tmp)
                print(f"ok {number} - {fn.__name__}", flush=True)
            except Exception:
                failed += 1
                print(f"not ok {number} - {fn.__name__}")
                for line in traceback.format_exc().splitlines():
                    print("# " + line)
                sys.stdout.flush()
    sys.exit(1 if failed else 0)
