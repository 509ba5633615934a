"""Generates the stubs in protos/gen from the contracts, and checks that they are current.

`python protos/generate.py` writes them; `--check` writes nothing and exits with 1 where a stub differs from what
the contract says; `--image FILE` writes the descriptor image that `buf` reads. Beside the stubs stands what they leave
out: the comments, in comments.json by full name, for documents that are made of the contracts.
"""

import argparse
import filecmp
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from google.api import annotations_pb2
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
GENERATED = HERE / "gen" / "dualspan"
COMMENTS = "comments.json"
# Numbers of fields in descriptor.proto, which locations of comments are made of: of what has members, its kinds.
MEMBERS = {
    "FileDescriptorProto": {4: "message_type", 5: "enum_type", 6: "service"},
    "DescriptorProto": {2: "field", 3: "nested_type", 4: "enum_type", 8: "oneof_decl"},
    "EnumDescriptorProto": {2: "value"},
    "ServiceDescriptorProto": {2: "method"},
}


def sources(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in (root / "dualspan").rglob("*.proto"))


def run_protoc(root: Path, *options: str) -> None:
    google_common = Path(annotations_pb2.__file__).parents[2]
    grpc_bundled = Path(protoc.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory() as staged:
        # The wheel of the common protos ships this one contract under another file name than the one that its
        # own stubs register.
        longrunning = Path(staged) / "google" / "longrunning"
        longrunning.mkdir(parents=True)
        shutil.copy(google_common / "google/longrunning/operations_proto.proto", longrunning / "operations.proto")
        includes = [f"-I{path}" for path in (root, staged, google_common, grpc_bundled)]
        if protoc.main(["protoc", *includes, *options, *sources(root)]) != 0:
            sys.exit("generate.py: protoc found errors in the contracts (above)")


def generate(target: Path) -> None:
    """Writes the stubs of every contract under `target`, which becomes the `dualspan` package's parent."""
    target.mkdir(parents=True, exist_ok=True)
    out = [f"--{kind}_out={target}" for kind in ("python", "grpc_python")]
    out += [f"--{kind}_out=quiet:{target}" for kind in ("mypy", "mypy_grpc")]
    beside = Path(sys.executable).parent
    plugins = [f"--plugin=protoc-gen-{kind}={beside / f'protoc-gen-{kind}'}" for kind in ("mypy", "mypy_grpc")]
    run_protoc(HERE, *plugins, *out)
    for folder in (path for path in (target / "dualspan").rglob("*") if path.is_dir()):
        (folder / "__init__.py").touch()
    (target / "dualspan" / "__init__.py").write_text('"""Generated from protos/; `make protos` writes it."""\n')
    (target / "dualspan" / "py.typed").touch()
    comments = dict(sorted(read_comments(target)))
    text = json.dumps(comments, ensure_ascii=False, indent=0)
    (target / "dualspan" / COMMENTS).write_text(text + "\n", encoding="utf-8")


def read_comments(scratch: Path) -> Iterator[tuple[str, str]]:
    """The comments of all contracts, with the full name of what each stands above."""
    image = scratch / "image.binpb"
    run_protoc(HERE, f"--descriptor_set_out={image}", "--include_source_info")
    files = descriptor_pb2.FileDescriptorSet.FromString(image.read_bytes())
    image.unlink()
    for file in files.file:
        for location in file.source_code_info.location:
            if name := full_name(file, location.path):
                lines = (line.strip() for line in location.leading_comments.strip().splitlines())
                yield name, "\n".join(lines)


def full_name(file: descriptor_pb2.FileDescriptorProto, path: Sequence[int]) -> str:
    """The full name of what a location is about; empty if that has none."""
    place: Any = file
    words = [file.package]
    for kind, index in zip(path[::2], path[1::2], strict=False):
        member = MEMBERS.get(place.DESCRIPTOR.name, {}).get(kind)
        if member is None:
            return ""
        place = getattr(place, member)[index]
        words.append(place.name)
    return ".".join(words) if len(path) % 2 == 0 and len(words) > 1 else ""


def differences(left: Path, right: Path) -> list[str]:
    def names(root: Path) -> set[str]:
        found = (path for path in root.rglob("*") if path.is_file() and path.suffix in {".py", ".pyi", ".json"})
        return {str(path.relative_to(root)) for path in found}

    both = names(left) & names(right)
    _, changed, unreadable = filecmp.cmpfiles(left, right, sorted(both), shallow=False)
    return sorted({*changed, *unreadable, *(names(left) ^ names(right))})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--image", type=Path)
    parser.add_argument("--root", type=Path, default=HERE, help="where the contracts are, with --image")
    arguments = parser.parse_args()
    if arguments.image:
        run_protoc(
            arguments.root.resolve(),
            f"--descriptor_set_out={arguments.image}",
            "--include_imports",
            "--include_source_info",
        )
        return
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        fresh = Path(scratch) / "dualspan"
        stale = differences(fresh, GENERATED)
        if not arguments.check:
            shutil.rmtree(GENERATED, ignore_errors=True)
            shutil.copytree(fresh, GENERATED)
            print(f"{len(stale)} stubs written")
        elif stale:
            sys.exit("These stubs are not what the contracts say; run `make protos`:\n  " + "\n  ".join(stale))


if __name__ == "__main__":
    main()
