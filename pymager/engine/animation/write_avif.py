"""Writes image sequences in AVIF."""

from fractions import Fraction

from PIL import Image

from pymager.engine.animation.movie import Clock, Frame, Movie, merged
from pymager.engine.containers import avis
from pymager.engine.encoders import saved

_MAX_MILLISECONDS = Fraction((1 << 31) - 1)
_MIN_MILLISECONDS = 1  # libavif writes 1 for 0


class _Sequence(Image.Image):
    """The frames as Pillow's encoders want them: a picture that changes with `seek`. Holds one frame and the next.

    `milliseconds` has the time of each frame up to the current one.
    """

    def __init__(self, movie: Movie) -> None:
        super().__init__()
        self._frames = merged(movie.frames, _MAX_MILLISECONDS)
        self._clock = Clock(1)
        self._number = -1
        self._next: Frame | None = next(self._frames)
        self.milliseconds: list[int] = []
        self.seek(0)
        self.is_animated = self._next is not None

    def seek(self, frame: int) -> None:
        if frame <= self._number:
            return
        if self._next is None:
            raise EOFError
        picture = self._next.picture
        self.im, self._mode, self._size = picture.im, picture.mode, picture.size
        self.milliseconds.append(self._clock.units(self._next.milliseconds, _MIN_MILLISECONDS))
        self._number, self._next = frame, next(self._frames, None)

    def tell(self) -> int:
        return self._number


def write(movie: Movie) -> bytes:
    """The animation as AVIF; a still picture if all frames are equal."""
    sequence = _Sequence(movie)
    data = saved(sequence, "AVIF", save_all=True, duration=sequence.milliseconds, **movie.first_options)
    return avis.normalized(data, movie.plays) if sequence.is_animated else data
