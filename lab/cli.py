"""The command line: `python3 -m lab --help`."""

import contextlib
import os
import signal
import subprocess
import sys

import click
import filelock

from helpers.settings import SettingsError
from lab.console import say


STOPPED = "lab: stopped; nothing half-made was left."


@contextlib.contextmanager
def told():
    """Turn the errors that we know into one sentence on stderr and exit code 1, without a traceback."""
    from helpers.processes import ServerError
    from helpers.providers import ProviderError
    from lab.binary import NoBinary
    from lab.models.weights import WeightsError
    from lab.notebooks import NotebookError

    try:
        yield
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.Abort as stopped:  # click's own name for Ctrl-C, too
        interrupted = isinstance(stopped.__cause__, KeyboardInterrupt)
        sys.exit(STOPPED if interrupted else "lab: nothing was done.")
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (SettingsError, ServerError, ProviderError, NoBinary, WeightsError, NotebookError) as error:
        sys.exit(f"lab: {error}")
    except filelock.Timeout:
        sys.exit("lab: another lab is at work in this folder; try again when it is done.")
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    except OSError as error:
        sys.exit(f"lab: {error.filename or 'a file'}: {error.strerror or error}.")


NUMBER = click.argument("number", metavar="[NN]", required=False)
EXAMPLE = "\b\nExample: python3 -m lab "


@click.group(invoke_without_command=True, epilog=EXAMPLE + "--no-browser")
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening a browser.")
@click.option("--port", type=click.IntRange(1, 65535), default=8888, show_default=True, help="JupyterLab's port.")
@click.pass_context
def lab(ctx, no_browser, port):
    """Open the course: Weaviate and the offline models are started, and JupyterLab opens on notebook 00."""
    if ctx.invoked_subcommand is None:
        open_course(no_browser, port)


def open_course(no_browser, port):
    """Bring everything up and run JupyterLab until it is stopped."""
    from lab import notebooks, services

    services.up()
    for line in notebooks.derive():
        say(line)
    command = [sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", f"--port={port}"]
    command += [f"--ServerApp.root_dir={notebooks.ROOT}", "--Application.log_level=WARN"]
    command += ["--LabApp.default_url=/lab/tree/work/00_start_here.ipynb"]  # the printed address leads there too
    command += ["--no-browser"] if no_browser else []
    command += ["--allow-root"] if os.geteuid() == 0 else []
    jupyter = subprocess.Popen(command, cwd=notebooks.ROOT)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is JupyterLab's; it asks before it stops
    signal.signal(signal.SIGTERM, lambda *_: jupyter.terminate())
    jupyter.wait()
    say("JupyterLab has stopped. Weaviate and the models are still up; to stop them: python3 -m lab down")


@lab.command(epilog=EXAMPLE + "up")
def up():
    """Start Weaviate and the offline models, without JupyterLab."""
    from lab import services

    services.up()


@lab.command(epilog=EXAMPLE + "down")
def down():
    """Stop what the lab has started. The data stays."""
    from lab import services

    names = services.down()
    say(f"Stopped: {', '.join(names)}." if names else "Nothing of this lab was running.")


@lab.command(epilog=EXAMPLE + "reset 02")
@NUMBER
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--progress", is_flag=True, help="Forget which exercises are done, and nothing else.")
def reset(number, yes, progress):
    """With a number: a fresh copy of that notebook in work/, the old one kept beside it. Without: drop all data
    of the learner's Weaviate."""
    from helpers.settings import settings
    from lab import notebooks, services

    if number:
        say(notebooks.fresh_copy(number))
        return
    if progress:
        from helpers.progress import forget

        say(f"Forgotten. Exercises that were done: {forget()}.")
        return
    if settings.is_external:
        raise click.ClickException("WEAVIATE_HOST names a server that is not the lab's; reset does not touch it.")
    say(f"This drops every collection in {settings.state_dir / 'data'} and stops Weaviate and the models.")
    say("Your notebooks in work/ stay as they are.")
    if not yes:
        click.confirm("Drop them?", abort=True)
    services.down()
    services.drop_data()
    say("Dropped. To start again: python3 -m lab")


@lab.command(epilog=EXAMPLE + "doctor")
def doctor():
    """Say what is wrong with this machine, and how to mend it."""
    from lab import doctor

    sys.exit(doctor.report())


@lab.command(epilog=EXAMPLE + "test 02")
@NUMBER
@click.option("--thorough", is_flag=True, help="Also what takes long (CI does).")
def test(number, thorough):
    """Prove the course: tests, rules, and every notebook's outputs compared, on servers of the gate's own."""
    from lab import gate

    sys.exit(gate.run("test", number, *(["--thorough"] if thorough else [])))


@lab.command(epilog=EXAMPLE + "refresh 02")
@NUMBER
def refresh(number):
    """For authors: run the notebooks on the gate's servers and store the outputs that changed."""
    from lab import gate

    sys.exit(gate.run("refresh", number))


@lab.command(epilog=EXAMPLE + "lint")
def lint():
    """Hold the notebooks to the rules of the house."""
    from lab import lint

    sys.exit(lint.report())


def main():
    """Run the command line."""
    with told():
        lab(prog_name="python3 -m lab", standalone_mode=False)
