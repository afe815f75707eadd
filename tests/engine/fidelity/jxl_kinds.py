"""Kinds of JPEG XL (ISO/IEC 18181), encoded by an encoder that is not the tests' own.

The files below are the patches, encoded by libjxl's `cjxl` 0.7.0 with effort 9: lossless but for `LOSSY` (twice the
size, quality 97, progressive) and `TURNED`. `PQ` and `HLG` are the samples of `png_kinds`. `JPEG` is a JPEG of twice
the size with EXIF orientation 6, compressed anew without loss; `TURNED` are its pixels.
"""

import base64

import numpy as np
from numpy.typing import NDArray

from tests.engine.fidelity import patches
from tests.engine.fidelity.kind import Kind
from tests.engine.fidelity.other_kinds import spec, spec_gray

LOSSLESS = base64.b64decode(
    "/wpLQEBxIQgCAQD0AEsYm3w8GJjAhJH/OWZfIBIAPzgHADcNAo5lhLjPoeacKQgur3fWAwIkjwV1V9BMAmJsP5spBQqad3jFliw="
)
LOSSY = base64.b64decode(
    "/wpXQEJxIQASiAB5BG8VaQEAUKEyyrjBy7meLz90WEzbuM7QVtsWllBkuvkGnVjkAwAUDEqKWYQOOCjGCIYRUbi4rV1JInNYSQGwBaUdkVKznAcY"
    "nBq6jVkRnkl5ofd8Tu0cmYUgK1VYyBogx8iGTQi6Yinjn+VGpMRRaksQgBgvOm5qw0EGuBDEP/SCro8yLQN/U/94oSZq3ajh8lpdJLbekpHY4vQj"
    "q3/UexRGn8gzjtPYlwMa94uYanr6H7ynTK1InVo8FQFGH1lhbLFwoxLdTv8Eprgw5mPI8z0Gk5Anooexp1sStPpsaP87CAzqGig8QPEUqgxICmwV"
    "JVY0lIsUMFNnGgAAvoVKuX28VIagcsk/W7KXLuWQPEAwNBbJEKrU/7KbNQLSD9JQDL+EhO0taxRHUDGBDAMgVK2qAAAAAPDso6CILFIAe06yCsu8"
    "BRDA2pmlCUADCjtpzU0Q3O6k2odEctXhetNAKBcd28oARtpbG7G8HmSnTWzKQQMxBNJCOoi4QWq3DynzzcO1f21S0pj5sSzQZGffqG38aaSkg8R/"
    "WaDJ0C0h28j/ZknHIva3QJOhtiLh8Z15HJAipOI4oFEtKmpLEgGwuSsDiOM4gKLF5TMfaw6X8Nk8xb/ZJGMKhUByDgoW8ob+Wqfq5eLZBaU+FL9T"
    "Mp5IchCYf7IiN7P5X69/CGBfV/Bt8F2pkQe/8HP6cTeD01Pdn6AmnHWhYZJuzd0UuzxMmMBELoF/dgsvv9B7jP/BPyuBl2LMTan+tfodFUZQtX7L"
    "7r3/noKPPnEowQj+f+R/ZT/zf5JMal3VAShzDMuyEVJtFTtur52uco0z6GIBRoJhu63tksyL8z3UVk3GGHOjegDA0CnU4suu6SEB37zr+5D+yVQU"
    "JFCMHhfo/HflCTUYBF3NGUNCbBtf5cDsTGupJPIbgCZ1sHFGuW54afa4icJlyq/pMkmC+W2JvD5IKuCl5G3AcFyGIMJOnHqGxgVjZM02aKQQpiBv"
    "gzIoOJhOrm1yGKUtbA3AY3qAMYJopNAFvy7ZomcyF0IuCPI609YmbXBXElqcMn3TqfFkoHaZ2kUzk2ZHg2kdokNWzaRJgVEulQ+8rCFfxsiGDl9q"
    "UEdFY/ISrUKL2HxwxwMZLyDf6dJqJTPXIcUXLB5ItDMGBVwxCcuXf98eCW/Vk5OtutiJsUPjgZtuPM0fSQ2hvC0u9xo8T46V/t8fKl17X4ydz1OM"
    "D2JYiiYg33Jfk6etXun/x5VxFY5hD7QznGq4sx2quO6uakayhUS8ydej78jkFOFwQThJw+Omkwynru3fzdNT/5G14jiFVPqQSFyX0spi3u04IIkk"
    "evsfL3tf9hvh3zrKbFpcK+Erd46P8tP2iD7GAOi1sAgIfJLBdVVYttvsKUlV45W6IOcSZ0i5CeKP/CiU82rIn77+8x1l7Gme5qdli54+U+nPmMTS"
    "gr9W7XswZxLlxJ2sGd8Jf7MFPglZ+5RaGZbx8iMs6v5znibCJN2GWNcNmxvJxxlJLxAMWmwfHpHjTA3AdIvajJbaV19KTa1g/5/QaMhZGF8DUiSn"
    "AIoAF05V8hrFJif6N+BioNTOAtLPoVPWgz2SKKyVpCG9rlsR2hfkUMDqST5lWxIVnWjgMl6OJtqANtKPOJk1EyR5Pbe+nFOhyzfBKUKtAd2jyAkj"
    "PsoHO2aza3/jWrIAugpGRmbH7vCEPoeODf1MppjWhjiS38qCUn394bSNCMpp5QKnudf9/SlD1XHvIsQ+Ldw0"
)
BOXES = base64.b64decode(
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAABSanhsY/8KS0BAcSEIAgEA9ABLGJt8PBiYwISR/zlmXyASAD84BwA3DQKOZYS4z6Hm"
    "nCkILq931gMCJI8FdVfQTAJibD+bKQUKmnd4xZYs"
)
GRAY = base64.b64decode("/wpLQFBcCAgCAQCoAEsoJdYaJBRMOsXrG0ASVBlzYox/AUgAknQVA9IrAF4/4j61i6T3XcqqAA==")
GRAY_16 = base64.b64decode(
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAAJanhsbAoAAABKanhsY/8KS/ADFBcCCAIBANAASygl1hokFEyThN/1MCTBNWNODJZ/"
    "AUgAeDQVA4oHgQAIIIAAAgggeIzUxwGXro9UsYqJFQ=="
)
GRAY_ALPHA = base64.b64decode(
    "/wpLwKK4EAgIEADUAEsYk46DYBosRWTM8f0XOACQABTAJwMQEBAQDBAAkLs/HAD2f8/evfv/b32BhugxOITzoi0D"
)
GRAY_ALPHA_16 = base64.b64decode(
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAAJanhsbAoAAABTanhsY/8KS/CjKC4ECAgQAPQASxiTjoNgAkBkzPF+gQMACcAf/j89"
    "EAAEAP4DAUAAEAAELD0BAT7ef3m3//9WJr9+/7ZZ6ucNLwMNWdBeAA=="
)
ALPHA = base64.b64decode(
    "/wpLwILiQggIEAAkAUsYm3w8GJjAhJH/OeZfQBIAMaAEgPFsoscGhAhKoE47KAjx1ncCABbEiwV3ttFMcuzgfltQXOrfa4KAWLP9bKYUKGje4RVb"
    "sgA="
)
ALPHA_16 = base64.b64decode(
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAAJanhsbAoAAAB1anhsY/8KS/CjoLgQCAgQAHwBSxibfDzsEQzMADDyP8eMC0gCQA6W"
    "AlBuyMMpCAUhIoi80VAUxMMLIGQkVRU8vA0aBb3Dj5EC8DscBfW8LzLg4chIXrQxcqoKUEj6+xvR9P0CYj3bz2ZKgYLmHV6xJQs="
)
COLORS_16 = base64.b64decode(
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAAJanhsbAoAAABoanhsY/8KS/ADUFwICAIBAEgBSxibfDwYmAAw8j8H9zDGYNnQoS8Q"
    "CQD9nCwID6cgFISIuFFDQ1EQD5eRVFVTC/BwFPQOP0bucBQk3bjIgIcjI8fIqSoBMbafzZQCBc07vGJLFg=="
)
FLOAT = base64.b64decode(
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAAJanhsbAoAAACBanhsY/8KS8hBAggCAQC0AUsYm3w8GJgAMPI/B9mIMXgHAMQYYy8Q"
    "CUCdRD+AeHj4HpoO9vWBgoJAPj7Q0FAUFARtwcPDZWQk7OsrAAAAYF/fOO7h4eH//3+Hh6OgIOnO6+srFBQU2NfX////9fWVgBjbz2ZKgYLmHV6x"
    "JQs="
)
FLOAT_GRAY = base64.b64decode(
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAAJanhsbAoAAABXanhsY/8KS8gBxY0IAgEACAFLKCXWGiQUTI/BtyE7Y04Mpv0FIAGw"
    "YMoT4H8WCAjgzctPmRIQEAD/HgQEHIogIAABQUX4x8dceRRwabrI4aa8VAE="
)
P3 = base64.b64decode(
    "/wpLQAi9HpAwD4Bsc5rp7veMCBKbdhemEBvZpahUHkZcmkZkonTYFYU7wY3+AXhirZog+CDatd5zOu0GDvxCd3/+/ft3B6P4A2N9oWQOGjWGHSUQ"
    "eWpE6gmvawgCAQD0AEsYm3w8GJjAhJH/OWZfIBIAPzgHADcNAo5lhLjPoeacKQgur3fWAwIkjwV1V9BMAmJsP5spBQqad3jFliw="
)
LINEAR = base64.b64decode(
    "/wpLQAi9HpAwD4DMaUGE3u/pjMnEpt2FKcRGdikqlYcRl6YRmSgddkXhTnCjfwCeWKsmCH4Q7VrvOZ12g3kdQWPtkI3AiFLAmwXYKBeaGIL6qWmT"
    "ehrF1+51DQgCAQD0AEsYm3w8GJjAhJH/OWZfIBIAPzgHADcNAo5lhLjPoeacKQgur3fWAwIkjwV1V9BMAmJsP5spBQqad3jFliw="
)
PQ = base64.b64decode(
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAAJanhsbAoAAABuanhsY/8KSwT8ABQ94nAAAAAACAgCAQBEAUsYm3w8GJgAMPI/B+cw"
    "xmAFIPQFIgFYlR8AeFEGSCUBjSEKlyLCkFJAoKPWyC0vh7S+HjVA+QOaSTNGakXPoBvPWSMBMbafzZQCBc07vGJLFg=="
)
HLG = base64.b64decode(
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAAJanhsbAoAAABuanhsY/8KSwT8AJSBQI8BAAAAIAgCAQBEAUsYm3w8GJgAMPI/x4wL"
    "RAJgDA/8bnbJZdCVTcnwEJ68cPe63dIEHX9O/F1mU9ol8KpGRQO/PzKLKQBJQZ4QgntciIaAGNvPZkqBguYdXrElCw=="
)
JPEG = base64.b64decode(
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAASanhscAAAAAD/ClcsEBMAAAHjamJyZMBw2wCCIAgtAwJAIgChRoGQq0oAAEDIUdmC"
    "oTj/J4iMEco4pxS0HyFDmKUOMsxA6Q41WB8ynHzMgEMOKixy0LAD20cN/fsjyxx23IGGovtfjHHGJJds8skopzwzzTXbfDPOOQs9NNFFG3000klL"
    "PTXVVVt9NdZZiz022WWbfTbaacs9N91123033nkLPjjhhRt+OOKJRy755JRXbvnlmGceuuijk1666aejnnrsss9Oe+2234577sELPzzxxRt/PPLJ"
    "Ry/99NRXb/312GcPfvjij09++eafj3768Mcv//z012///fjn/69gqqoEAEDIUdmCoTj/L4iEUkZZpxSJ8YCQzahBhkl1oKF6sOHcQ44ZUJAPGnLQ"
    "YQc2FlnmqN/tw44bWtEfeWbwSYb3vxjjjEs2+WSUU6a5ZptvxjlnoYcmumijj0Y6aamnprpqq6/GOmuxxya7bLPPRjttueemu26778Y778AFH5zw"
    "wg0/HPHEI5d8csort/xyzDMPXfTRSS/d9NNRTz122WenvXbbb8c99+CFH5744o0/Hvnko5d+euqrt/567LMPX/zxyS/f/PPRTz9++eenv37778c/"
    "/3+BHwCoLAALCIDgABBKRklGAAEBAAABAAEAAAMAAAArYnJvYkV4aWYbHQAABHRjGwcxW6KpvxMJZZRYtIAkD9CW/4seKRkAAAAAw2p4bHCAAAAB"
    "4FsAEADAAghgCGAIYP7/DgAAGAAIAAEAAAAAAICAJYyJZ7LnBjgIAFAgAcoZF8UYlDwl0mKwUnR0bGxEVBQOMSKGEdERTCDVOdzPr7tHrGAcIpC4"
    "yHgAv0sRfvz4U58O4EN438OZSd4gnlnXtJwDPsBUINBA2YcrUHjAgn6cEw6rAGxTJ4CY3nX/EEVpiGuguZQLNzKjaI2WujyLwxGymL3YCjPdNTMF"
    "lKvlPjBgEwAAAAAAACUA"
)
TURNED = base64.b64decode(
    "AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAT/anhsY/8KVyyQUFwSABKIAKUDdxppAQBQoTLKuMHLuZ4vP3RYTNu4ztBW2xaWUGK6"
    "2UcTF/UMloIBAEqpZswdcHFVu5VIuoYkHRkRER0dYyQRFRsZgwfGPIvJBKjQKR+WJSANA1xCVO+DH9fFuVAzRrARCD3vzZ8+o+Cp2AKEOHWJqhkQ"
    "DqJEfXgsa7h2H7S8PK1N0KjEYHpf4sus1qSgGsru340JPgj0ZwOmZHiWAxhSEmaZ7d4kpQu8upPn9N/74lNItkHIwgnD/bgBr3v9xa7rD0DhoQl0"
    "A/q394kp4X1JiI5C7LPiQn4+nLFUGvQ4BkQvgEUdm6ntS59F/0+oo72CbDBozirgCPfaKg0uqBKy1R4WCjApTIMAJtEwBGYRCA2V/0f/T2u2G8UV"
    "ighHH8AWNgIyiVrh5wH4buxFsxXPqb/1/SaQSsCgtfgmCzYkPl4nWEACT4ebAop2C2C4QgWqMAQaUff0notZbACTIUqSIO+a4ORZ7QrW98EvnAqS"
    "EmQNMoOXVfJ2YwYPaWmb1fjtNSSum6QTjByzHYXgWF9ywNuyBhlAZ3g2GioJ4q238F8s0KYPiUYJjo86p/8tC3glduJ5pKUgR7HrIKcWDO1iccMa"
    "TaBRvcmHbd8EIsbddl234t3NzENi2d83dOdsAGgVqW4rqGYeEsEFa7FofIMR5Zg+WZZ+pcxFRMsQC9Hc0pxzS207mg9jFyGoD2Qm53mZIv2X+11d"
    "hJunr1T6JufjevNxpFc0ALuLyCNsx+AF+KFS3XxcJT0IiE1o5mQQ5CA8GHkwTIhvFG5cCe3ei0K7DUn2/auphZKsZLZMqh7Lv4pCka54zKLMHuRJ"
    "p/M2LCiE7ROdPDZM3R3SZGWAyQZwOYbbEajaRw31OTeC7DoX85Qw2z2AGLjRxW3e5JVUXUCLEn8YApWA/FIrVFzXaZtppbQPNaL0xiIeDnHBLVPm"
    "WpEQhyJpgjJtLSodEqBfVthYc8Ij6bZgU3RxyMwzthwkLwAeOmbBLkpkqz+g0iht65JYpcEU8TM3gnwkUyfbNywbRJ7psA92uCY/Mf0bubvDTeFZ"
    "2ZBaX1rIL8/MX06yEzMxkvNq3DFHgCnCqpbI3seGmZGLzgwSCBeQMWjNSETjsjqW1IdREhROEbyo6dLxGhiSGQy8TAmb3h8D2hcao1cKjdUVUS1f"
    "dGU4ibSiRMSmgwhVSXKHW3gUSad1gLzJ2UfY7Rp8QfZtyOFthDddkDuLG39GRURekVcgE0IBhHtMylEXDIPa0B7fZne5Fa5okVKSVWWR6/Mo0myZ"
    "L2olnlUye9w7xNrvuJgbbIV+bF9TN7YThXoD2fGbIsKxiAE5maKoAG+KOPknH4t8yRaT5ZCEFbsyEYXD6yWWb7wmMJ2TCPmtWI7YVCC9xPCo+kYn"
    "Nf5ERMhlCDw/1HAF27nTsvrn61ClaK+NjTAQ+6JpT4XhRtNBOeZCu1QQTHBQScTwZwQ5NGjHtpuiSCxv4tpu4C3nFWFaFiX6OYpA7pmeTaIsBaQQ"
    "buPglOC0v1+w3ypdG7/gdWrMdBmrgEy6NybJFULBx85d2FZSUaJrNJIR3Q3SmAaPPODngRHLZHGY2smRl0jIXazFAQlmo2rF9UFhogivQUYd0Rmw"
    "v6hHg1PqjrXIE8TSfX4IotN1qWS2WmNAq2SPI3Ya2xkVm/Y0WO9ChtGYuMT5rLkY5AUJ"
)
ANIMATION = base64.b64decode(
    "/wpLBAMIKC4JCAKSCQAA9ABLGJt8PBiYwISR/zlmXyASAD84BwA3DQKOZYS4z6HmnCkILq931gMCJI8FdVfQTAJibD+bKQUKmnd4xZYsCAKSBQD4"
    "AEsYm3w8GJjAhJFxJs2+QCQAVAD0DTzGBUgUCcExQFEwAQ4vMeFsGgdLChKimYOdqDY9bjmM98MWMclFYxoL"
)


def _colors(pixels: NDArray[np.uint8]) -> list[tuple[int, ...]]:
    return patches.middles(patches.picture(pixels))


def spec_alpha() -> list[tuple[int, ...]]:
    return _colors(patches.RGBA)


def spec_gray_alpha() -> list[tuple[int, ...]]:
    return _colors(patches.GRAY_ALPHA)


KINDS = [
    Kind("lossless.jxl", lambda: LOSSLESS, "spec", 0, expected=spec),
    Kind("progressive.jxl", lambda: LOSSY, "spec", 4, expected=spec),
    Kind("boxes.jxl", lambda: BOXES, "spec", 0, expected=spec),
    Kind("gray.jxl", lambda: GRAY, "spec", 0, expected=spec_gray),
    Kind("gray-16.jxl", lambda: GRAY_16, "spec", 0, expected=spec_gray),
    Kind("gray-alpha.jxl", lambda: GRAY_ALPHA, "spec", 1, expected=spec_gray_alpha),
    Kind("gray-alpha-16.jxl", lambda: GRAY_ALPHA_16, "spec", 1, expected=spec_gray_alpha),
    Kind("alpha.jxl", lambda: ALPHA, "spec", 1, expected=spec_alpha),
    Kind("alpha-16.jxl", lambda: ALPHA_16, "spec", 1, expected=spec_alpha),
    Kind("16-bits.jxl", lambda: COLORS_16, "spec", 0, expected=spec),
    Kind("float.jxl", lambda: FLOAT, "spec", 1, expected=spec),
    Kind("gray-float.jxl", lambda: FLOAT_GRAY, "spec", 1, expected=spec_gray),
    Kind("icc-display-p3.jxl", lambda: P3, "like icc-display-p3.png"),
    Kind("icc-linear.jxl", lambda: LINEAR, "like icc-linear.png", 3),
    Kind("pq.jxl", lambda: PQ, "spec", 2, expected=spec),
    Kind("hlg.jxl", lambda: HLG, "spec", 2, expected=spec),
    Kind("jpeg.jxl", lambda: JPEG, "spec", 3, expected=spec),
    Kind("turned.jxl", lambda: TURNED, "spec", 4, expected=spec),
    Kind("animation.jxl", lambda: ANIMATION, refused="animated"),
    Kind("cut.jxl", lambda: LOSSY[:-20], refused="incomplete"),
]
