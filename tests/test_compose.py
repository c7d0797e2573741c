"""docker-compose.yml, .env.example and the CI workflow say what the settings say."""

import os
import re
import shutil
import subprocess
from collections import Counter

import pytest
import yaml

from helpers import environment
from helpers.providers import PROVIDERS
from helpers.settings import REPOSITORY, Settings, read_env_file

COMPOSE = REPOSITORY / "docker-compose.yml"
EXAMPLE = REPOSITORY / ".env.example"
WORKFLOW = REPOSITORY / ".github" / "workflows" / "course.yml"

VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
KEY = "the-key"
DEFAULTS = Settings({})
CLUSTER = ("node1", "node2", "node3")


def services(key=KEY):
    """Return the services of docker-compose.yml, with merge keys and variables resolved as without a .env."""
    text = VARIABLE.sub(lambda found: found[3] if found[2] == "-" else key, COMPOSE.read_text())
    return yaml.safe_load(text)["services"]


def weaviates():
    """Return the environments of the Weaviate services: dict of name to dict."""
    return {name: each["environment"] for name, each in services().items() if "weaviate:" in each["image"]}


def test_image_is_the_version_of_the_settings():
    images = [each["image"] for each in services().values()]
    wanted = f"cr.weaviate.io/semitechnologies/weaviate:{DEFAULTS.weaviate_version}"
    assert Counter(image for image in images if "weaviate" in image) == {wanted: 1 + len(CLUSTER)}
    assert all(re.search(r":\d+\.\d+[\w.-]*$", image) for image in images), "every image names its version"


@pytest.mark.parametrize("name", ["weaviate", *CLUSTER])
def test_same_settings_as_the_labs_own_server(name):
    own = weaviates()[name]
    assert {each: own.get(each) for each in environment.COMMON} == environment.COMMON
    access = environment.access(KEY, anonymous=False)
    assert {each: own.get(each) for each in access} == access
    assert all(isinstance(value, str) for value in own.values()), "quote it: YAML makes something else of it"


def test_one_node_is_what_the_lab_starts():
    ports = environment.ports_of(8080, 50051)
    wanted = environment.environment(0, [ports], "/var/lib/weaviate", KEY, False, cluster_key=KEY)
    for name in (*environment.INHERITED, *environment.PROXIES, "no_proxy"):
        wanted.pop(name, None)
    own = weaviates()["weaviate"]
    assert own.pop("no_proxy") == own.pop("NO_PROXY")
    assert own == wanted


def test_three_nodes_know_each_other():
    for name in CLUSTER:
        own = weaviates()[name]
        assert own["CLUSTER_HOSTNAME"] == name
        assert int(own["CLUSTER_DATA_BIND_PORT"]) == int(own["CLUSTER_GOSSIP_BIND_PORT"]) + 1
        assert int(own["RAFT_INTERNAL_RPC_PORT"]) == int(own["RAFT_PORT"]) + 1
        assert own["RAFT_JOIN"] == ",".join(f"{each}:{own['RAFT_PORT']}" for each in CLUSTER)
        assert own["RAFT_BOOTSTRAP_EXPECT"] == str(len(CLUSTER))
        assert own["CLUSTER_JOIN"] == f"node1:{own['CLUSTER_GOSSIP_BIND_PORT']}"
        # each container has an address of its own; nothing may tie it to loopback, as it does for one node
        assert not {"CLUSTER_IN_LOCALHOST", "CLUSTER_BIND_ADDR", "CLUSTER_ADVERTISE_ADDR"} & set(own)


def test_ports_are_on_loopback_and_as_in_the_settings():
    published = {}
    for name, service in services().items():
        assert service.get("network_mode") is None, name
        for port in service.get("ports", []):
            host, outside, inside = re.fullmatch(r"([\d.]+):(\d+):(\d+)", port).groups()
            assert host == "127.0.0.1", f"{name}: {port} can be reached from other machines"
            published.setdefault(name, {})[int(inside)] = int(outside)
    expected = {
        "weaviate": {8080: DEFAULTS.weaviate_port, 50051: DEFAULTS.weaviate_grpc_port},
        "models": {11435: DEFAULTS.models_port},
        "ollama": {11434: 11434},
    }
    for number, name in enumerate(CLUSTER):
        ports = environment.ports_of(*DEFAULTS.spare_ports, number)
        expected[name] = {8080: ports.rest, 50051: ports.grpc}
    assert published == expected


def test_no_secret_is_written_down():
    secret = re.compile(r"(KEYS?|PASSWORD|SECRET|TOKEN)$")
    raw = yaml.safe_load(COMPOSE.read_text())["services"]
    found = [
        value
        for service in raw.values()
        for name, value in service.get("environment", {}).items()
        if secret.search(name)
    ]
    assert len(found) == 2 * len(weaviates())  # the API key and the cluster's password
    assert all(re.fullmatch(r"\$\{WEAVIATE_API_KEY:\?.+\.env.+\}", value) for value in found), found
    for name, value in lines(EXAMPLE.read_text()):
        assert not secret.search(name) or not value, f"{name} has a value"


def test_nobody_comes_in_without_the_key():
    assert len(weaviates()) == 4
    for name, own in weaviates().items():
        assert own["AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED"] == "false", name
        assert own["CLUSTER_BASIC_AUTH_USERNAME"] and own["CLUSTER_BASIC_AUTH_PASSWORD"], name


def test_models_see_no_keys():
    mounts = [volume.split(":") for volume in services()["models"]["volumes"]]
    folders = {source: mode for source, _, *mode in mounts if source.startswith((".", "/"))}
    assert folders == {"./helpers": ["ro"], "./lab": ["ro"], "./requirements.txt": ["ro"]}


def test_every_service_that_stays_has_a_health_check():
    for name, service in services().items():
        if service["restart"] == "no":
            continue  # does its work and ends
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"][0] == "CMD", name
        if name in weaviates():
            assert service["healthcheck"]["test"][-1].endswith(":8080/v1/.well-known/ready"), name
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source.startswith(".") or source in yaml.safe_load(COMPOSE.read_text())["volumes"], volume


def test_default_is_weaviate_and_the_models():
    profiles = {name: service.get("profiles", []) for name, service in services().items()}
    assert [name for name, own in profiles.items() if not own] == ["weaviate", "models"]
    assert [name for name, own in profiles.items() if own == ["cluster"]] == list(CLUSTER)


def compose_command():
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if shutil.which("docker") and not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        return ["docker", "compose"]
    pytest.skip("no Docker Compose on this machine")


@pytest.mark.parametrize("profile", ["none", "ollama", "cluster"])
def test_compose_accepts_it(profile, tmp_path):
    (tmp_path / "empty").touch()  # instead of a learner's .env
    command = [*compose_command(), "--env-file", tmp_path / "empty", "--file", COMPOSE, "--profile", profile]
    command += ["config", "-q"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("WEAVIATE")}
    done = subprocess.run(command, env=env | {"WEAVIATE_API_KEY": KEY}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    refused = subprocess.run(command, env=env, capture_output=True, text=True)
    assert refused.returncode and ".env.example" in refused.stderr


def lines(text):
    """Return the settings of .env.example that can be uncommented: list of (name, value)."""
    return re.findall(r"^#(\w+)=(.*)$", text, re.MULTILINE)


def test_env_example_explains_every_setting_and_no_other():
    calls = re.compile(r'(?<!environ)(?:\.get|_port)\(\s*"([A-Z][A-Z0-9_]+)"')
    sources = [path for folder in ("helpers", "lab") for path in (REPOSITORY / folder).rglob("*.py")]
    read = {name for path in sources for name in calls.findall(path.read_text())}
    read |= {provider.key for provider in PROVIDERS.values() if provider.key}
    interpolated = {found[1] for found in VARIABLE.finditer(COMPOSE.read_text())}
    explained = {name for name, _ in lines(EXAMPLE.read_text())}
    assert {"COURSE_PROVIDER", "WEAVIATE_PORT", "COHERE_API_KEY"} <= read
    assert read | interpolated == explained


def test_env_example_has_a_comment_above_every_setting():
    paragraphs = EXAMPLE.read_text().split("\n\n")
    for paragraph in paragraphs:
        assert not lines(paragraph) or re.match(r"\n*# ", paragraph), f"no comment above: {paragraph}"
    assert not re.search(r"^[^#\n]", EXAMPLE.read_text(), re.MULTILINE), "a line that is not commented out"


def test_env_example_names_the_defaults(tmp_path):
    text = EXAMPLE.read_text()
    uncommented = tmp_path / ".env"
    uncommented.write_text(re.sub(r"^#(\w+=)", r"\1", text, flags=re.MULTILINE))
    last = {name: value for name, value in lines(text) if value}
    assert read_env_file(uncommented) == last and len(last) == 10

    general, docker = text.split("# ---- Weaviate from docker-compose.yml")
    uncommented.write_text(re.sub(r"^#(\w+=)", r"\1", general, flags=re.MULTILINE))
    written = Settings({}, uncommented)
    same = ("local", "spare_ports", "provider", "models_port", "models_url", "models_url_for_server", "is_external")
    for name in (*same, "state_dir", "cache_dir", "binary_path"):
        assert getattr(written, name) == getattr(DEFAULTS, name), name
    ollama = re.search(r'"OLLAMA_URL_FOR_SERVER", "(.+?)"', (REPOSITORY / "helpers/providers.py").read_text())[1]
    assert dict(lines(general))["OLLAMA_URL_FOR_SERVER"] == ollama

    in_docker = dict(lines(docker))
    known = services()
    for name in ("COURSE_MODELS_URL_FOR_SERVER", "OLLAMA_URL_FOR_SERVER"):
        place, port = re.fullmatch(r"http://(\w+):(\d+)", in_docker[name]).groups()
        assert known[place]["ports"][0].endswith(f":{port}"), name
    assert in_docker["COURSE_MODELS_URL"] == DEFAULTS.models_url and in_docker["WEAVIATE_HOST"] == "127.0.0.1"


def test_workflow_runs_the_gate_and_may_do_little():
    text = WORKFLOW.read_text()
    workflow = yaml.safe_load(text)
    jobs = workflow["jobs"]
    assert set(workflow[True]) >= {"push", "pull_request", "schedule"}  # YAML 1.1 reads the key `on` as true
    assert [step["run"] for step in jobs["gate"]["steps"] if "run" in step] == [".ci/run"]
    assert DEFAULTS.weaviate_version not in text, "Weaviate's version stands in helpers/settings.py"
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in jobs.items():
        assert 0 < job["timeout-minutes"] <= 90, name
        writes = {scope for scope, level in job.get("permissions", {}).items() if level != "read"}
        assert writes == ({"issues"} if name == "report" else set()), name
        assert not (writes and any("uses" in step for step in job["steps"])), "what may write runs nobody else's code"
    assert jobs["radar"]["continue-on-error"] is True


def test_workflow_pins_actions():
    text = WORKFLOW.read_text()
    uses = re.findall(r"^ *-? *uses: *(.+)", text, re.MULTILINE)
    assert len(uses) == len(re.findall(r"\buses:", text)) > 1
    for each in uses:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), f"not pinned by commit: {each}"
    assert len(set(uses)) == len({each.split("@")[0] for each in uses}), "two versions of one action"
    for step in (step for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
