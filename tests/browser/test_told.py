"""Sentences of services that have no code are said in the person's language."""

import re

import pytest
from playwright.async_api import expect

from browser.chromium import find_chromium
from browser.people import Person
from dualspan_console.client_files import read_words

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]
TELL = """async (texts) => {
  const main = document.querySelector('script[type=module]').src;
  const { told } = await import(new URL('core/told.js', main));
  return texts.map(told);
}"""
# What is made of several sentences, of lists, and of what is somebody's own.
COMPOSED = {
    "imm01: The energy is power integrated over time; no meter counted it.": (
        "imm01：电量由功率对时间积分得出，并非电表计量。"
    ),
    "The meter was reset once; what it counted just before is missing.": "电表曾复位 1 次，复位前的部分计数缺失。",
    "nothing was produced; a counter was reset 3 times; what it counted just before is lost": (
        "没有产出；计数器曾复位 3 次，复位前的部分计数丢失"
    ),
    "'Line 1, left; is it/Temp' reads like 'Nozzle temperature', its unit 'degC' agrees, Double fits": (
        "'Line 1, left; is it/Temp' 的名称与 'Nozzle temperature' 相近，单位 'degC' 一致，数据类型 Double 合适"
    ),
    "it is called 'IMM-7', 12 of its properties were found, 3 more of the same shape": (
        "名称为 'IMM-7'，识别出 12 个属性，另有 3 台结构相同"
    ),
    "line 3, run.image: 'a/b:1' is named by a tag, not by a digest. Did you mean 'x'?": (
        "第 3 行，run.image：'a/b:1' 用标签指定，而不是摘要。是否指 'x'？"
    ),
    "More than 900 reads were used this month, as of which the plan warns. Reads are refused at 1000."
    " The month ends at 2026-12-01 00:00 (Asia/Shanghai).": (
        "本月用量已超过套餐的提醒值 900 次读取。达到 1000 时将拒绝读取。本月于 2026-12-01 00:00（Asia/Shanghai） 结束。"
    ),
    "the server does not trust the gateway's certificate (BadCertificateUntrusted); close other clients": (
        "服务器不信任网关证书（BadCertificateUntrusted）；请关闭其他客户端"
    ),
    "Nobody has written words for this yet.": "Nobody has written words for this yet.",
}


@pytest.mark.parametrize("admin", [("zh", "desk")], indirect=True)
async def test_every_sentence_is_found_by_its_shape(admin: Person) -> None:
    await admin.open("/")
    said = {key.removeprefix("told."): pair[1] for key, pair in read_words().items() if key.startswith("told.")}
    given = [re.sub(r"\{(\w+)\}", r"«\1»", own).strip() for own in said]
    wanted = [re.sub(r"\{(\w+)\}", r"«\1»", words) for words in said.values()]
    found = await admin.page.evaluate(f"({TELL})", given)
    assert [each for each in zip(given, found, wanted, strict=True) if each[1].strip() != each[2].strip()] == []
    assert dict(zip(COMPOSED, await admin.page.evaluate(f"({TELL})", [*COMPOSED]), strict=True)) == COMPOSED


@pytest.mark.parametrize("admin", [("zh", "desk")], indirect=True)
async def test_notes_below_figures_are_in_chinese(admin: Person) -> None:
    await admin.open("/energy")
    await admin.settled()
    note = admin.page.locator("main .note").first
    await expect(note).to_have_text(re.compile("[\u4e00-\u9fff]"))
    notes = await admin.page.locator("main .note").all_inner_texts()
    assert [each for each in notes if re.search("[a-z]{3,} [a-z]{2,} ", each)] == []
