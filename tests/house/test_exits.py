"""Every way out of the program is listed, with what leaves by it. A new one is a decision."""

from __future__ import annotations

import ast
import re

import pytest

# file: why bytes may leave there. Exits of a running node stand in host/exits.py as a table for people.
WAYS = {
    "host/exits.py": "the table of a node's exits",
    "host/sources.py": "feeds: connects or listens where the configuration says; sends nothing",
    "host/disk.py": "journal and snapshots, in the node's own folder",
    "host/numba_cache.py": "compiled kernels, in the cache folder",
    "host/offline.py": "the file that `manara track --out` names",
    "host/track_file.py": "the same file, read again",
    "desk/serve.py": "the desk's listener",
    "cli/node.py": "the configuration that `manara node init` writes",
    "cli/main.py": "standard output, when its reader went away",
    "exercise/transmitter.py": "the demo's simulated feeds, on loopback",
    "exercise/demo.py": "starts the demo's transmitter",
    "exercise/neighbour.py": "starts the demo's second node",
    "exercise/partners.py": "folders of fictional partners",
    "cli/demo.py": "asks the system which ports are free",
    "cli/ledger.py": "proofs and tiles, where the command line says",
    "host/files.py": "cards, documents, signatures, spool; in folders that are named",
    "host/keys.py": "key files, in the folder of keys",
    "host/vault.py": "erased key files are overwritten, in the node's own folder",
    "host/link_server.py": "partners fetch their streams over mutual TLS",
    "host/link_client.py": "fetches from partners, hands over receipts and statements",
    "exercise/story.py": "reads the desks of the demo's own nodes, on loopback; it sends them nothing",
    "host/link_file.py": "a stream as a file, where the caller says",
}

CALLS = {
    "open_connection", "start_server", "create_datagram_endpoint", "create_server", "create_connection", "urlopen",
    "create_subprocess_exec", "create_subprocess_shell", "Popen", "check_output", "check_call", "write_bytes",
    "write_text", "sendto", "ParquetWriter", "mkdtemp", "NamedTemporaryFile", "mkstemp", "socketpair",
}  # fmt: skip
WHOLE = {"socket.socket", "os.open", "open", "subprocess.run", "os.system", "io.open"}


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def way_out(node: ast.AST) -> str:
    """The name of a call by which bytes can leave, "" for any other node."""
    if not isinstance(node, ast.Call):
        return ""
    name = dotted(node.func)
    return name if name in WHOLE or name.rsplit(".", 1)[-1] in CALLS else ""


@pytest.mark.parametrize(
    "line", ["socket.socket(a)", "asyncio.start_server(f)", "Path('x').write_text('y')", "open(p, 'w')"]
)
def test_the_rule_sees(line):
    assert way_out(ast.parse(line, mode="eval").body)


def test_every_way_out_is_listed(all_sources):
    found = {s.at(node) + " " + way_out(node) for s in all_sources for node in ast.walk(s.tree) if way_out(node)}
    unlisted = sorted(one for one in found if one.split(":")[0] not in WAYS)
    assert not unlisted, unlisted


def test_the_list_names_files_that_are_there(all_sources):
    assert set(WAYS) <= {s.name for s in all_sources}


ADDRESS = re.compile(r"https?://([\w.-]+\.[a-z]{2,})")
NAMES_ONLY = {"www.w3.org"}  # XML namespaces are names, nobody goes there
NOBODY = re.compile(r"(^|\.)(test|example|invalid|localhost|example\.(org|com|net))$")


def test_nothing_phones_home(all_sources):
    """No address of another machine stands in the program."""
    found = [
        f"{s.at(node)} {host}"
        for s in all_sources
        for node in ast.walk(s.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for host in ADDRESS.findall(node.value)
        if host not in NAMES_ONLY and not NOBODY.search(host)
    ]
    assert not found, found
