"""Mutants that no test is to catch, each with the reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """One mutant: its file, the line that it changes, what is done to that, and why no test is to mind."""

    file: str
    text: str
    operator: str
    why: str


ANSWERED: tuple[Answer, ...] = (
    Answer(
        "_entry/bounds",
        "_MOST_SECONDS = 30 * 86400.0",
        "NumberReplacer",
        "A bound where a timer would overflow; whether a month has a day more or less matters to nobody.",
    ),
    Answer(
        "_install/partial",
        "_RECORD_LIMIT = 4 * 1024 * 1024",
        "NumberReplacer",
        "Records of models that exist have some kilobytes, and what is longer is not read, whichever the bound.",
    ),
    Answer(
        "_install/ranges",
        "_PART_MIN = 16 * 1024 * 1024",
        "NumberReplacer",
        "A part of a download may be a little larger or smaller; the bytes are the same.",
    ),
    Answer(
        "_install/ranges",
        "_PART_MAX = 64 * 1024 * 1024",
        "NumberReplacer",
        "A part of a download may be a little larger or smaller; the bytes are the same.",
    ),
    Answer(
        "_serve/health",
        '"seconds": None if answer is None else round(answer.seconds, 3),',
        "NumberReplacer",
        "Whether a time is shown to a thousandth or less matters to nobody.",
    ),
    Answer(
        "_serve/health",
        "return int(year) if year.isdigit() else 0",
        "NumberReplacer",
        "Any year before 2200 means that a model is not pinned.",
    ),
    Answer(
        "_stack/files",
        "mounts = [words[3:5] for words in map(str.split, table.splitlines()) if len(words) > 4]",
        "NumberReplacer",
        "A line of the kernel's has ten words or more.",
    ),
    Answer(
        "_stack/inputs",
        'return [Mistake(re.split("[ :]", text, maxsplit=1)[0], text) for text in texts]',
        "NumberReplacer",
        "The first part is the same however many follow.",
    ),
    Answer(
        "_store/hashing",
        "_SMALL = 1024 * 1024",
        "NumberReplacer",
        "A smaller file is hashed by one thread, a larger one by two; the hash is the same.",
    ),
    Answer(
        "_store/lock",
        "if pid > 0 and (device == kernel_device(status.st_dev) or has_open(pid, status)):",
        "ReplaceComparisonOperator_Gt_GtE",
        "0 is what is returned where nobody is found, too.",
    ),
    Answer(
        "_store/lock",
        'words = read_kernel(f"/proc/{pid}/cmdline", 200).replace("\\0", " ").split()',
        "NumberReplacer",
        "How much of a command line is shown matters to nobody.",
    ),
)
