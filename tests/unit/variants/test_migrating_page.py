"""docs/how-to/migrating-urls.md: its URLs are valid, its examples right, and it leaves out no option of the others."""

import re
from pathlib import Path

import pytest

from pymager.settings.model import Settings
from pymager.settings.translation import variant_urls
from pymager.variants.grammar import Requested, option_parameters
from pymager.variants.options import BY_NAME
from pymager.variants.urls import VariantUrls
from tests.unit.variants.their_urls import imgproxy, thumbor

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "migrating-urls.md").read_text("utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
URLS = sorted(set(re.findall(r"`(/derived/[^`{]*)`", PAGE)))
EXAMPLES = re.findall(r"^\| (imgproxy|thumbor|imagor) \| `([^`]*)` \| `([^`]*)` \|$", PAGE, re.MULTILINE)
TRANSLATORS = {"imgproxy": imgproxy, "thumbor": thumbor, "imagor": thumbor}

# What the documentation of each program lists, as of August 2026.
OFFERED = {
    "imgproxy": """
        resize rs size s resizing_type rt resizing_algorithm ra width w height h min-width mw min-height mh zoom z dpr
        enlarge el extend ex extend_aspect_ratio extend_ar exar gravity g objects_position crop c crop_aspect_ratio
        crop_ar car trim t padding pd auto_rotate ar rotate rot flip fl background bg background_alpha bga adjust a
        brightness br contrast co saturation sa monochrome mc duotone dt blur bl sharpen sh pixelate pix unsharp_masking
        ush blur_areas ba progressive_blur pbl blur_detections bd draw_detections dd crop_objects colorize col gradient
        gr watermark wm watermark_url wmu watermark_text wmt watermark_size wms watermark_rotate wm_rot wmr
        watermark_shadow wmsh style st strip_metadata sm keep_copyright kcr dpi strip_color_profile scp preserve_hdr ph
        color_profile cp icc enforce_thumbnail eth quality q format_quality fq autoquality aq max_bytes mb jpeg_options
        jpgo png_options pngo webp_options webpo avif_options avifo format f ext page pg pages pgs disable_animation da
        video_thumbnail_second fallback_image_url fiu skip_processing skp raw cachebuster cb bypass_cache bc cache_tags
        ct expires exp filename fn return_attachment att preset pr hashsum hs max_src_resolution msr max_src_file_size
        msfs max_animation_frames maf max_animation_frame_resolution mafr max_result_dimension mrd
        fit fill fill-down force auto g:sm g:obj g:objw best""",
    "thumbor": """
        unsafe trim fit-in full-fit-in adaptive-fit-in left right top bottom center middle smart meta debug
        filters:autojpg filters:background_color filters:blur filters:brightness filters:contrast filters:convolution
        filters:cover filters:equalize filters:extract_focal filters:fill filters:focal filters:format
        filters:grayscale filters:max_bytes filters:no_upscale filters:noise filters:proportion filters:quality
        filters:red_eye filters:rgb filters:rotate filters:round_corner filters:saturation filters:sharpen
        filters:stretch filters:strip_exif filters:strip_icc filters:upscale filters:watermark""",
    "imagor": """
        filters:crop filters:draw_detections filters:dpi filters:hue filters:image filters:invert filters:lossless
        filters:max_frames filters:orient filters:page filters:pixelate filters:redact filters:redact_oval filters:text
        filters:to_colorspace filters:attachment filters:expire filters:max_age filters:preview filters:raw
        filters:blurhash filters:thumbhash filters:avgcolor IMAGOR_SECRET""",
    "sharp": """
        withoutEnlargement withoutReduction kernel fastShrinkOnLoad background extend autoOrient flip flop affine median
        dilate erode flatten unflatten gamma negate normalise clahe convolve threshold boolean linear recomb modulate
        tint grayscale greyscale composite removeAlpha ensureAlpha extractChannel joinChannel bandbool toColourspace
        pipelineColourspace metadata stats keepExif withExif keepIccProfile withIccProfile keepGainMap withGainMap
        keepXmp withXmp keepMetadata withMetadata withDensity toFormat png webp gif jp2 tiff avif heif jxl raw tile
        timeout limitInputPixels density""",
}


def urls_of_the_page() -> VariantUrls:
    """With the presets and the watermark of the page; any option is allowed."""
    (presets,) = re.findall(r'^    PYMAGER_PRESETS="(.*)"$', PAGE, re.MULTILINE)
    (watermarks,) = re.findall(r'^    PYMAGER_WATERMARKS="(.*)"$', PAGE, re.MULTILINE)
    return variant_urls(Settings(sizes="*", options="*", presets=presets, watermarks=watermarks))


def parsed(url: str) -> Requested:
    name, _, query = url.removeprefix("/derived/").partition("?")
    return urls_of_the_page().parse(name, query)


@pytest.mark.parametrize("url", URLS)
def test_every_url_of_pymager_is_valid_and_names_no_option_in_vain(url: str) -> None:
    requested = parsed(url)
    assert requested.id == "cat"
    named = {name for name, _ in option_parameters(url.partition("?")[2])}
    defaults = {"animated"}  # `animated=false` is shown on purpose
    assert named - {name for name, _ in requested.used} <= defaults


@pytest.mark.parametrize(("program", "theirs", "ours"), EXAMPLES)
def test_an_example_is_the_same_picture_in_both_programs(program: str, theirs: str, ours: str) -> None:
    translated = TRANSLATORS[program](theirs)
    assert parsed(translated) == parsed(ours), translated
    assert sorted(translated.partition("?")[2].split("&")) == sorted(ours.partition("?")[2].split("&"))


def test_the_page_has_examples_of_each_program_and_of_every_option() -> None:
    assert {program for program, _, _ in EXAMPLES} == set(TRANSLATORS)
    assert len(EXAMPLES) >= 25
    assert len(URLS) >= 60
    used = {name for url in URLS for name, _ in option_parameters(url.partition("?")[2])}
    assert used == set(BY_NAME)


@pytest.mark.parametrize("program", OFFERED)
def test_nothing_that_a_program_offers_is_left_out(program: str) -> None:
    code = {
        word
        for span in re.findall(r"`([^`]*)`", SECTIONS[program])
        for word in (span, re.split(r"[( ]", span)[0], span.partition(" ")[0])
    }
    assert [name for name in OFFERED[program].split() if name not in code] == []
