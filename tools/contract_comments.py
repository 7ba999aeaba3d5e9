"""The comments of the contract, which generated code does not have."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parent.parent / "proto"


def contract_comments() -> dict[str, str]:
    """The comments of the contract, by the full names of messages, fields and enum values."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "descriptors.binpb")
        files = sorted(str(path) for path in (PROTO / "fairlift" / "v1").glob("*.proto"))
        status = protoc.main(
            [
                "protoc",
                f"-I{PROTO}",
                f"-I{Path(protoc.__file__).parent / '_proto'}",
                "--include_source_info",
                f"--descriptor_set_out={target}",
                *files,
            ]
        )
        if status:
            raise SystemExit("protoc failed")
        described = FileDescriptorSet.FromString(target.read_bytes())
    return {name: text for file in described.file for name, text in _comments_of(file)}


def _comments_of(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        text = " ".join(location.leading_comments.split())
        if not text:
            continue
        # The path leads by field number and index from the file to what is commented.
        node: Any = file
        names = [file.package]
        for number, index in zip(location.path[::2], location.path[1::2], strict=False):
            node = getattr(node, node.DESCRIPTOR.fields_by_number[number].name)[index]
            names.append(node.name)
        if type(node).__name__ == "EnumValueDescriptorProto":
            names.pop(-2)
        yield ".".join(names), text
