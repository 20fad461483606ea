"""What the pages say around a text, in the text's own language, where we have it."""

from pathlib import Path

KOREAN = {
    "The computational graph of {}": "{}의 계산 그래프",
    "What goes forward": "순전파",
    "In symbols": "기호로 나타낸 그래프",
    "In short": "간단히 나타낸 그래프",
    "in the notation": "표기법으로 보기",
    "step by step": "한 단계씩 보기",
    "Forward": "순전파",
    "Backward": "역전파",
    "every ✓ was checked when this page was made.": "모든 ✓는 이 페이지를 만들 때 검사한 것입니다.",
}


def language_of(path):
    """The language of a file, such as ko for book.ko.md; English if its name has none."""
    return Path(path).stem.partition(".")[2] or "en"


def worded(text: str, language: str) -> str:
    """A text of ours in a language; in English where there is no other."""
    return KOREAN.get(text, text) if language == "ko" else text
