"""`python3 -m lab`: make `.venv` from requirements.txt when it is missing or stale, and go on inside it.

Standard library only, and nothing newer than Python 3.6 understands: it must be able to say "too old".
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
REQUIREMENTS = os.path.join(ROOT, "requirements.txt")
STAMP = os.path.join(VENV, "course.json")
OLDEST, NEWEST = (3, 11), (3, 14)
CONFIGURATION = {
    # an error in a cell is one line, not seventy
    os.path.join("etc", "ipython", "ipython_config.py"): 'c.InteractiveShell.xmode = "Minimal"\n',
    # JupyterLab asks the network for nothing, and the learner no question
    os.path.join("share", "jupyter", "lab", "settings", "overrides.json"): json.dumps(
        {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
    ),
}


def fail(text):
    """End with one sentence on stderr and exit code 1."""
    sys.exit("lab: " + text)


def wanted():
    """Return what a finished `.venv` says of itself: whose packages it holds, and for which folder."""
    with open(REQUIREMENTS, "rb") as file:
        return {"packages": hashlib.sha256(file.read()).hexdigest(), "folder": ROOT}


def stamp():
    """Return what `.venv` says of itself, or None if it says nothing."""
    try:
        with open(STAMP) as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def write_stamp(content):
    """Replace the stamp in one step."""
    with open(STAMP + ".new", "w") as file:
        json.dump(content, file)
    os.replace(STAMP + ".new", STAMP)


def is_finished():
    """Return True if `.venv` was installed to its end from today's requirements.txt."""
    return stamp() == wanted() and os.path.exists(PYTHON)


def check_machine():
    """End with one sentence if this Python cannot run the course."""
    if sys.version_info < OLDEST:
        fail(
            "the course needs Python %d.%d or newer, and this is %d.%d. Install one, then run it by its name, as in:"
            " python3.12 -m lab" % (OLDEST + sys.version_info[:2])
        )
    if sys.version_info[:2] > NEWEST:
        print("lab: checked with Python up to %d.%d; this is %d.%d." % (NEWEST + sys.version_info[:2]))
    if sys.platform == "win32":
        fail("on Windows run this inside WSL 2 (https://learn.microsoft.com/windows/wsl/install).")


def make_venv():
    """Create `.venv` and install the packages. An interrupted run leaves a stamp that says "unfinished"."""
    os.makedirs(VENV, exist_ok=True)
    old = set(os.listdir(VENV)) - {os.path.basename(STAMP), os.path.basename(STAMP) + ".new"}
    if old and stamp() is None:
        fail("%s is there and was not made by the lab. Move it away, then run this again." % VENV)
    write_stamp({"unfinished": True})  # before the rest goes: what a kill leaves of it must still be known as ours
    for name in old:
        path = os.path.join(VENV, name)
        shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.remove(path)
    started = time.time()
    print("Making .venv (once; about a minute, 600 MB) ...", flush=True)
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError:
        shutil.rmtree(VENV)
        fail(
            "this Python cannot make virtual environments. On Debian and Ubuntu: sudo apt install python%d.%d-venv"
            % sys.version_info[:2]
        )
    try:
        venv.create(VENV, with_pip=True)
    except subprocess.CalledProcessError as error:
        lines = error.output.decode(errors="replace").strip().split("\n")
        fail("pip could not be put into .venv: %s" % ([line for line in lines if "ERROR:" in line] + lines[-1:])[0])
    install()
    site = subprocess.check_output([PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
    with open(os.path.join(site.decode().strip(), "course.pth"), "w") as file:
        file.write(ROOT + "\n")
    write_stamp(wanted())
    print("The packages are in .venv (%d s)." % (time.time() - started), flush=True)


def install():
    """Install requirements.txt: with uv if it is on this machine, else (or if uv fails) with pip."""
    options = ["install", "--require-hashes", "-r", REQUIREMENTS]
    uv = shutil.which("uv")
    if uv and subprocess.call([uv, "pip"] + options + ["--python", PYTHON]) == 0:
        return
    command = [PYTHON, "-m", "pip"] + options + ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    with open(REQUIREMENTS) as file:
        total = sum("==" in line for line in file)
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    seen, told, last, errors = 0, 0.0, "", []
    try:
        for line in pip.stdout:
            seen += line.startswith("Collecting ")
            last = line.strip() or last
            errors += [last] if line.startswith("ERROR:") else []
            step = 1 if sys.stdout.isatty() else 10
            if time.time() - told > step:
                told = time.time()
                text = "  %3d of about %d packages: %s" % (seen, total, last)
                print("\r\x1b[K" + text[:100] if sys.stdout.isatty() else text[:100], end="", flush=True)
                print("" if sys.stdout.isatty() else "\n", end="", flush=True)
    finally:
        if pip.poll() is None and sys.exc_info()[0]:
            pip.terminate()
        pip.wait()
    print("\r\x1b[K" if sys.stdout.isatty() else "", end="", flush=True)
    if pip.returncode:
        fail("pip could not install the packages: %s" % (errors[0] if errors else last))


def configure():
    """Write the settings of IPython and JupyterLab into `.venv`, where they are missing or not today's."""
    for place, content in CONFIGURATION.items():
        path = os.path.join(VENV, place)
        try:
            with open(path) as file:
                if file.read() == content:
                    continue
        except OSError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(content)


def ensure_venv():
    """Make `.venv` unless it is finished; two at once: the second waits for the first."""
    if is_finished():
        return
    import fcntl

    with open(os.path.join(ROOT, ".venv.lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("Another lab is making .venv; waiting for it ...", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_finished():
            make_venv()


def main():
    """Run the command line inside `.venv`."""
    if os.path.realpath(sys.prefix) == os.path.realpath(VENV) and is_finished():
        try:
            from lab.cli import main as command_line

            command_line()
        except KeyboardInterrupt:  # while modules are still being imported
            fail("stopped.")
        return
    check_machine()
    try:
        ensure_venv()
        configure()
    except KeyboardInterrupt:
        fail("stopped. What was not finished is made again next time.")
    except OSError as error:
        fail("%s cannot be written: %s." % (error.filename or VENV, error.strerror))
    os.execv(PYTHON, [PYTHON, "-m", "lab"] + sys.argv[1:])


if __name__ == "__main__":
    main()
