"""Planted violations and look-alikes of every check, by the message they are put into."""

import json

import pandas as pd

from src.campaign.content import describe_offers
from src.campaign.message import gather_facts
from src.campaign.render import render_messages
from src.campaign.templates import load_arms
from src.campaign.wording import Wording
from src.decide.catalogue import Campaign, Override

SHOP_URL = "https://shop.example.com/"
TEA = {"name": "Green tea", "department": "tea", "initial": "G", "price": "$3"}
TEA |= {"product_url": f"{SHOP_URL}p/1", "image_url": "https://img.example.com/tea.jpg"}
WITHHELD = ("Iron kettle", "Milk", "紫砂茶壶", "Oat milk", "Tea set")
OVERRIDES = (
    Override(word="首选", reason="the jury's own words", reviewer="Li Wei", evidence="Prize list 2023"),
    Override(word="顶级", reason="name of a district, no claim", reviewer="Li Wei"),
    Override(word="唯一", reason="only shop with this license", reviewer="Li Wei"),  # no evidence
)  # fmt: skip
EN = {
    "label": "a",
    "discount_share": 0.2,
    "discount_ceiling_value": 30.0,
    "benefit": "free shipping",
}
EN |= {"minimum_basket_value": 40.0, "coupon_code": "TEA20", "stock": 100}
ZH = {**EN, "benefit": "包邮", "minimum_basket_value": 200.0}


def _campaign(language: str, channel: str, offer: dict) -> Campaign:
    return Campaign(
        campaign_id="cases", goal="x", language=language, channel=channel, margin_share=0.3,
        sender_name="Campanile Market", sender_address="hello@shop.example.com",
        postal_address="1 Market Square, Springfield", unsubscribe_url=f"{SHOP_URL}u",
        legal_footer="Registered at Springfield", overrides=OVERRIDES,
        actions={"offer": {**offer, "template": "win_back"}},
    )  # fmt: skip


def build(language: str, channel: str, offer: dict | None = None) -> tuple[pd.DataFrame, object]:
    """One message that passes every check, and what it is held against."""
    campaign = _campaign(language, channel, offer or {"en": EN, "zh": ZH}[language])
    offers = describe_offers(campaign, "2017-09-30", 28, {"en": "USD", "zh": "CNY"}[language])
    products = {"c1": [{**TEA, "price": "¥3"} if language == "zh" else TEA]}
    if language == "zh":
        products["c1"][0] |= {"name": "绿茶", "department": "茶叶", "initial": "绿"}
    decisions = pd.DataFrame({"customer_id": ["c1"], "action": ["offer"]})
    rows = render_messages(decisions, campaign, load_arms(campaign), offers, {}, products, SHOP_URL)
    hosts = ["shop.example.com"], Wording(), ["img.example.com"]
    return rows, gather_facts(campaign, offers, {}, products, *hosts, {"c1": WITHHELD})


class Case:
    """A change of one message: what it is put into, and what it makes of its parts."""

    def __init__(self, context: str, part: str, value, old: str = "") -> None:
        self.context, self.part, self.value, self.old = context, part, value, old

    def __str__(self) -> str:
        return f"{self.context} {self.part} {self.value}"[:50]

    def apply(self, parts: dict[str, str]) -> dict[str, str]:
        is_raw = self.part in parts and (self.context != "social" or callable(self.value))
        text = parts[self.part] if is_raw else json.loads(parts["text"])[self.part]
        if callable(self.value):
            new = self.value(text)
        elif self.old:
            assert self.old in text, self.old
            new = text.replace(self.old, self.value)
        elif self.part == "html":
            new = text.replace("</h1>", f"</h1>{self.value}")
        elif self.part in ("subject", "title"):
            new = self.value
        else:
            new = f"{text} {self.value}"
        if is_raw:
            return parts | {self.part: new}
        fields = json.loads(parts["text"]) | {self.part: new}
        return parts | {"text": json.dumps(fields, ensure_ascii=False)}


def mail(value, old=""):
    return Case("mail", "html", value, old)


def plain(value, old=""):
    return Case("mail", "text", value, old)


def subject(value):
    return Case("mail", "subject", value)


def zh(value, old=""):
    return Case("mail zh", "html", value, old)


def zh_plain(value, old=""):
    return Case("mail zh", "text", value, old)


def sms(value, old=""):
    return Case("sms", "text", value, old)


def sms_zh(value, old=""):
    return Case("sms zh", "text", value, old)


def push(part, value):
    return Case("push", part, value)


def cut(old):
    """Take something out, which must be there."""

    def change(text):
        assert old in text, old
        return text.replace(old, "")

    return change


URL, SIGN = SHOP_URL, "⟦unsubscribe_url⟧"
IMG = '<img src="https://img.example.com/a.png" alt="Tea" width="10" height="10">'
P = "<p style='color:{};background-color:{};font-size:16px;font-weight:400;{}'>readable words</p>".format
DARK = "<style>@media (prefers-color-scheme: dark) {{ .x {{ color: {} !important; background-color: {} !important; }} }}</style><p class='x' style='font-size:16px;font-weight:400;color:#000;background-color:#fff'>words</p>".format

PLANTED = {
    "subject_present": [subject(""), subject("20%"), subject("!!! 🎉"), push("title", ""), push("title", "20% 2017"), subject("…")],
    "length": [subject("x" * 79), subject("茶" * 40), subject("⟦first_name⟧ " + "x" * 60), push("title", "x" * 51), push("body", "x" * 300), Case("social", "text", "tea and more " * 90)],
    "sms_parts": [sms("x" * 400), sms("茶" * 120), sms_zh("好" * 150), sms("€" * 220), sms("🎉 " + "x" * 110), sms("⟦unsubscribe_url⟧ " * 9)],
    "control_signs": [subject("a\r\nBcc: x"), subject("a\tb"), mail("a\x00b"), plain("a\u202eb"), plain("a\u2028b"), sms("a\x07"), sms("a\x1b")],
    "payload": [Case("push", "text", lambda t: "[]"), Case("push", "text", lambda t: "{"), Case("social", "text", lambda t: '{"text": 1}'), Case("push", "text", lambda t: ""), Case("push", "text", lambda t: '{"title": {"a": "b"}}'), Case("push", "text", lambda t: "[" * 5000)],
    "unsubscribe": [mail(f'href="{URL}"', f'href="{SIGN}"'), plain(cut(SIGN)), mail(f'title="{SIGN}"', f'href="{SIGN}"'), zh(f'href="{URL}"', f'href="{SIGN}"'), zh_plain(cut(SIGN))],
    "opt_out": [sms(cut("Reply STOP to stop.")), sms_zh(cut("拒收请回复R")), sms("Reply to this.", "Reply STOP to stop."), sms_zh("拒收", "拒收请回复R"), sms("Stop by soon.", "Reply STOP to stop."), sms_zh("退订请致电客服", "拒收请回复R")],
    "postal_address": [mail("Market Square", "1 Market Square"), plain(cut("1 Market Square, Springfield")), zh("Springfield", "1 Market Square, Springfield"), zh_plain(cut("1 Market Square")), mail("Market Sq", "Market Square")],
    "signature": [sms(cut("Campanile Market")), sms_zh(cut("【Campanile Market】")), sms_zh("Campanile Market", "【Campanile Market】"), sms_zh("【别的店】", "【Campanile Market】"), sms_zh(lambda t: "您好" + t), sms("Campanile", "Campanile Market")],
    "legal_footer": [mail(cut("Registered at Springfield")), plain(cut("Registered at Springfield")), zh(cut("Registered at Springfield")), mail("Registered", "Registered at Springfield"), plain("at Springfield", "Registered at Springfield")],
    "numbers": [mail("30% off", "20% off"), plain("$300", "$30"), subject("$20 off"), mail("Only 3 more days"), mail('<img alt="50% off">'), mail("$40 off"), plain("on orders of $30 or more"), mail("twenty-five percent off"), zh("全场7折"), zh("八五折"), zh("满30减200"), zh("立减200元"), zh("百分之三十"), zh("优惠20元"), sms("Half price!"), sms_zh("打对折"), push("body", "$5 off"), zh("8.8折起"), zh("二十元红包"), zh("二十块钱")],
    "dates": [mail("October 29, 2017", "October 28, 2017"), plain("October 28, 2018", "October 28, 2017"), subject("20% off through November 28"), zh("10月29日"), zh("2018年10月28日"), zh_plain("有效期至11月28号"), mail("ends tomorrow"), zh("仅限今天"), zh("本周日截止"), sms("Friday, October 28"), sms_zh("10月28日星期五"), push("body", "Today only"), mail("10/28/2017")],
    "coupon": [mail("Use code TEA30"), plain("TEA25"), sms("Code TEA2O."), zh("优惠码：TEA88"), zh("输入优惠码tea20"), push("body", "promo SPRING9"), sms_zh("券码ABCDE"), mail("code: save50")],
    "benefits": [mail("and a gift"), plain("Buy one, get one"), subject("Free samples for you"), zh("买一送一"), zh("附赠好礼"), sms("Cash back on all"), sms_zh("红包"), push("body", "Money back"), mail("no minimum"), zh("免费试用")],
    "stock": [mail("only 50 items left"), Case("bare", "text", "While stocks last"), mail("the first 20 pieces"), zh("仅剩5件"), zh("限量10份"), Case("bare", "html", "Almost gone"), sms_zh("库存5件"), push("body", "just 3 items left"), zh("前三名"), Case("bare", "html", "only 100 items left"), Case("bare", "html", "limited stock")],
    "offer_stated": [mail("a discount", "20% off"), plain("October 28", "October 28, 2017"), plain("thirty", "$30"), mail("code", "TEA20"), zh("打折", "8折"), sms(cut("TEA20")), sms_zh(cut("8折")), Case("push", "body", lambda t: "Come and see."), mail("20% offering", "20% off")],
    "links": [mail("https://evil.example/", URL), mail("http://shop.example.com/", URL), mail("https://shop.example.com@evil.example/", URL), mail("https://shop.example.com.evil.example/", URL), mail("https://shop.example.com:8080/", URL), mail("//shop.example.com/", URL), plain("See https://evil.example/x"), plain("See (www.evil.example)"), mail("Go to evil.example now"), sms("bit.ly/x"), sms_zh("详情见https://evil.example/活动"), push("url", "x https://evil.example"), zh("登录evil.example领取"), zh("8折https://shop.example.com/1折"), plain("ftp://shop.example.com/a")],
    "scripts": [mail("<script>x()</script>"), mail('<p onclick="x()">a</p>'), mail("javascript:alert(1)", URL), mail("JaVaScRiPt&#58;alert(1)", URL), mail('<iframe srcdoc="x"></iframe>'), mail("<form><input></form>"), mail('<meta http-equiv="refresh" content="0">'), plain("java script:alert(1)"), mail("<!--[if mso]><script>x</script><![endif]-->"), mail("<svg><a></a></svg>")],
    "remote_content": [mail('<img src="https://evil.example/a.png" alt="a" width="1" height="1">'), mail("<p style=\"background:url('https://x.example/a')\">a</p>"), mail('<table role="presentation" background="x"></table>'), mail("<style>@import 'x';</style>"), mail('<img src="http://img.example.com/a.png" alt="a">'), mail('<img srcset="https://img.example.com/a.png" src="https://img.example.com/a.png" alt="a">'), mail('<img alt="a">'), mail("<!--[if mso]><img src='https://img.example.com/a.png'><![endif]-->")],
    "images": [mail(IMG.replace('alt="Tea"', "")), mail(IMG.replace("Tea", "")), mail(IMG.replace("Tea", "  ")), mail(IMG.replace('width="10"', "")), mail(IMG.replace('height="10"', 'height="auto"')), mail(IMG.replace('width="10"', 'width="0"')), mail(IMG.replace('height="10"', 'height="99999"'))],
    "left_over": [mail("{{ department }}"), plain("{% if %}"), subject("Hello %(name)s"), plain("Dear None,"), mail("saves you nan"), sms("[[sms]]"), push("title", "For undefined"), plain("Hi ,"), zh("您好，，"), sms_zh("【】")],
    "markers": [plain("⟦last_name⟧"), mail("⟦first_name"), subject("Hi ⟦first_name⟧⟧"), sms("⟦email⟧"), Case("push", "text", lambda t: t.replace("missed", "⟦x⟧"))],
    "markup_as_text": [plain("<b>20% off</b>"), plain("Milk &amp; honey"), mail("Milk &amp;amp; honey"), subject("A &#39;deal&#39;"), sms("<br>"), push("title", "Tea &amp; you"), zh_plain("茶&nbsp;点")],
    "garbled": [mail("caf\ufffd"), plain("cafÃ©"), zh("锟斤拷"), subject("come come come come"), sms("save save save save"), zh("哈哈哈哈哈哈"), push("body", "you you you you you"), mail("it’s â€™s")],
    "language": [subject("Für Sie und die Familie: das ist nicht für alle"), mail("给您的专属优惠活动开始了"), plain("Скидка для вас сегодня и завтра, и ещё много текста " * 40), zh("This whole sentence is not in Chinese at all"), sms_zh(lambda t: t[:20] + " Come back and see what is new in our little shop of wonders, my dear customer"), push("body", lambda t: "好久不见，欢迎回来"), subject("Pour vous et votre famille dans les magasins"), subject("Para ti y tu familia en las tiendas")],
    "banned_words": [zh("全球最好"), zh("国家级工艺"), zh("销量第一"), zh("唯一选择"), zh("最 佳"), zh("第\u200b一品牌"), sms_zh("全网最低"), zh("极致享受"), zh("史无前例"), mail("clinically proven"), mail("Risk-free"), mail("We are #1"), zh_plain("最后三天最低价"), zh("最\u00b7强")],
    "html_size": [mail("x" * 102_000), zh("茶" * 34_000), mail("<p></p>" * 15_000), mail("<!-- " + "x" * 102_000 + " -->"), mail("&amp;" * 21_000)],
    "accessible": [mail(cut(' lang="en"')), mail("<table><tr><td>a</td></tr></table>"), mail("b>", "title>"), zh(cut(' lang="zh"')), mail('<table role="none"></table>'), mail('lang=""', 'lang="en"')],
    "contrast": [mail(P("#ffffff", "#ffffff", "")), mail(P("#888888", "#ffffff", "")), mail(P("#ff0000", "#00ff00", "")), mail(P("#777", "#fff", "font-size:23px")), mail(DARK("#000000", "#111111")), mail("<style>.y { color: #eee; }</style><p class='y' style='background:#fff'>faint</p>"), mail("<table role='presentation'><tr><td bgcolor='#000000'><p style='color:#222'>dark on dark</p></td></tr></table>")],
    "personal_data": [plain("Ask jane.doe@example.org"), mail("jane.doe@example.org"), subject("For jane@example.org"), sms("jane+x@mail.example.org"), push("body", "to jane@example.org"), zh("联系 li.wei@example.cn")],
    "withheld": [mail("Iron kettle"), plain("* Tea set (tea)"), zh("紫砂茶壶"), sms("Your oat milk"), push("body", "IRON KETTLE for you"), subject("A tea set for you"), Case("kept back", "html", ""), Case("kept back zh", "html", "")],
    "subject_for_phones": [subject("a" * 61), subject("a" * 78), subject("茶" * 31), subject("⟦first_name⟧ " + "a" * 45), subject("For you and yours: something warm for the long evenings of fall")],
    "preheader": [mail("", 'Come back and save, through October 28.'), mail("x" * 141, "Come back and save, through October 28."), mail("Short", "Come back and save, through October 28."), zh("好", "回来看看，优惠有效期至10月28日。"), mail(lambda t: t.replace("display:none", "display:block"))],
    "shouting": [subject("HURRY, SAVE NOW"), mail("Now!!"), plain("Really?!"), push("title", "COME BACK TODAY"), sms("Wow!!!"), zh("快来！！"), plain("$$$")],
    "spam_words": [subject("Act now"), mail("Click here"), plain("Congratulations"), sms("Call now"), zh("速抢"), sms_zh("恭喜中奖"), push("body", "Order now")],
    "reviewed_words": [zh("首选"), zh_plain("评委首选"), zh("顶级"), sms_zh("首选"), Case("mail zh", "subject", "首选好茶，8折等您")],
    "no_products": [Case("nobody", "html", text) for text in ("", "a", "b", "c", "d")],
}  # fmt: skip

LOOK_ALIKES = {
    "subject_present": [subject("Tea for you"), subject("茶"), subject("20% off"), push("title", "Hi there"), push("title", "🎉 For you")],
    "length": [subject("x" * 60), subject("⟦first_name⟧, come in"), push("title", "x" * 50), subject("Tea for the long evenings of fall"), push("body", "x" * 20)],
    "sms_parts": [sms("x" * 200), sms("Bye"), sms_zh("好" * 40), sms_zh("再见"), sms("ok € ok")],
    "control_signs": [mail("A naïve café, 日本語"), plain("one\ntwo"), sms("Ünïcödé"), zh("全角　空格"), mail("🎉 ✓ — …")],
    "payload": [push("title", 'A "quoted" word'), push("title", "Back\\slash"), push("body", "{brackets}"), Case("social", "text", "好"), push("title", "😀")],
    "unsubscribe": [mail("You can unsubscribe."), plain("unsubscribe"), zh("退订"), mail(f'<a href="{SIGN}">Leave</a>'), plain(f"Leave: {SIGN}")],
    "opt_out": [sms("Text STOP to end.", "Reply STOP to stop."), sms_zh("退订回T", "拒收请回复R"), sms_zh("回复TD退订", "拒收请回复R"), sms("STOP to opt out", "Reply STOP to stop."), sms_zh("拒收回R", "拒收请回复R")],
    "postal_address": [mail("1 Market Square"), plain("Springfield"), mail("Second address: 2 Oak Road".replace("2 ", "")), zh("地址"), zh_plain("Springfield")],
    "signature": [sms("Campanile Market again"), sms_zh(lambda t: t.replace("【Campanile Market】", "") + "【Campanile Market】"), sms(lambda t: "Hello: " + t), sms_zh("详见「茶」"), sms_zh(lambda t: " " + t)],
    "legal_footer": [mail("Registered"), plain("at Springfield"), zh("注册"), plain("Registered  at\nSpringfield", "Registered at Springfield"), zh_plain("再见")],
    "numbers": [mail("20 % off"), mail("twenty percent off"), mail("Save up to $30 on orders of $40 or more"), mail("$30.00"), plain("20 percent off"), zh("八折"), zh("8.0折"), zh("满200元可用"), zh("满￥200，最高优惠30元"), zh("封顶三十元"), sms("２０% off"), sms_zh("两折叠"), zh("一笔订单，三思而行"), push("body", "TEA20"), zh("百分之二十"), mail("only 100 items left"), zh("折叠椅")],
    "dates": [mail("It is valid through 28 October 2017."), plain("Saturday, October 28"), mail("2017-10-28"), zh("10月28号"), zh("10月28日（周六）"), zh("2017年10月28日星期六"), mail("You may march on Sunday"), sms("Oct. 28"), mail("the weekend is near"), zh("今天天气好")],
    "coupon": [mail("Enter the code TEA20 at the checkout"), plain("TEA20"), zh("优惠码：TEA20"), sms("Code TEA20."), mail("Our code of conduct"), mail("A promo for you"), mail("ABC and XYZ"), zh("优惠码如下")],
    "benefits": [mail("feel free to look around"), mail("Free delivery"), zh("免运费"), mail("sugar-free gum"), sms("freedom"), mail("gifted cooks"), zh("送货上门"), plain("win back"), zh("免费退订"), mail("free range eggs")],
    "stock": [mail("only 100 items left"), zh("限量100份"), zh("前一百名"), mail("We have left the old town"), mail("available in all shops"), plain("the last word"), zh("剩余时间不多"), sms("first things first"), mail("limited stock")],
    "offer_stated": [mail("20% off!"), zh("（8折）"), plain("Up to $30."), sms("(20% off)"), push("title", "20% off, again")],
    "links": [mail('<a href="https://shop.example.com/a/b?c=d#e">More</a>'), mail('<a href="mailto:hello@shop.example.com">Write to us</a>'), mail('<a href="https://shop.example.com:443/">More</a>'), mail("See shop.example.com"), mail("e.g. apples, i.e. fruit."), plain("See https://shop.example.com/a."), sms_zh("详情https://shop.example.com/p，谢谢"), mail("and/or"), zh("版本2.x".replace("2", "二"))],
    "scripts": [mail('<p class="onions" title="Once">a</p>'), mail("We like java. Script: none."), mail("<s>old</s> <sup>a</sup>"), mail("<!-- a script -->"), plain("data: none"), mail("&lt;script&gt;".replace("&lt;", "").replace("&gt;", ""))],
    "remote_content": [mail(IMG), mail("<p>background: url of a shop</p>"), mail("<p style='background:#fff'>a</p>"), mail("We import tea"), mail(IMG.replace("a.png", "b/c.jpg")), mail("<!-- @import -->")],
    "images": [mail(IMG), mail(IMG.replace('alt="Tea"', 'alt="" role="presentation"')), mail(IMG.replace('alt="Tea"', 'alt="" aria-hidden="true"')), mail(IMG.replace('"10"', '"600"')), mail("<p>img</p>")],
    "left_over": [mail("Nonesuch, nanny and Nullarbor"), plain("a } b".replace("}", ")")), mail("[in brackets]"), plain("100%".replace("100", "")), zh("您好，欢迎"), sms("Hi there, friend"), plain("Dear friend,")],
    "markers": [subject("For ⟦first_name⟧: something green"), mail("⟦first_name⟧"), plain(SIGN), sms("⟦first_name⟧"), mail("[first_name]")],
    "markup_as_text": [mail("Fish &amp; chips, a &lt; b"), plain("AT&T style & co"), plain("c > d"), zh("茶 & 点"), sms("a < b"), plain("R&D;".replace(";", ""))],
    "garbled": [mail("so so good"), zh("哈哈哈"), subject("tea, tea and tea"), plain("no, no, no"), zh("天天向上"), mail("â la carte")],
    "language": [mail("A b c … naïve café, 日本語"), subject("Crème brûlée and jalapeños for you"), zh("新品 iPhone 与 MacBook 配件"), subject("Der Spiegel"), mail("Ｗｉｄｅ"), zh("OK"), sms_zh("VIP"), plain("Bon appétit")],
    "banned_words": [zh("最后三天"), zh("第一次下单"), zh("最近好吗"), zh("最多可减"), zh("绝对值"), zh("首选"), zh("第一时间发货"), mail("We are proven friends"), mail("most of us"), zh("最晚明早".replace("明早", "到达")), zh("唯一编号")],
    "html_size": [mail("x" * 50_000), zh("茶" * 10_000), mail("<p></p>" * 1_000), mail("&amp;" * 5_000), mail("")],
    "accessible": [mail('<table role="presentation"></table>'), mail("<p>table</p>"), mail("<p lang='fr'>a</p>"), mail("<p title='title'>a</p>"), zh('<table role="presentation"></table>')],
    "contrast": [mail(P("#000", "#fff", "")), mail(P("#767676", "#ffffff", "")), mail(P("#949494", "#ffffff", "font-size:24px")), mail(P("#949494", "#ffffff", "font-size:19px;font-weight:700")), mail("<div style='display:none;color:#fff;background:#fff'>hidden</div>"), mail(DARK("#ffffff", "#111111")), mail("<p style='color:#fff;background-color:#fff'> </p>"), mail("<p aria-hidden='true' style='color:#fff;background-color:#fff'>·</p>")],
    "personal_data": [plain("Write to hello@shop.example.com."), mail("@campanile"), sms("a @ b"), push("title", "@you"), zh("邮箱 hello@shop.example.com")],
    "withheld": [mail("Green tea"), plain("Iron kettles".replace("kettles", "kettledrum")), mail("Tea setting"), sms("Milk"), zh("茶壶"), mail("A kettle of iron"), Case("longer", "html", "")],
    "subject_for_phones": [subject("a" * 60), subject("茶" * 30), subject("⟦first_name⟧ " + "a" * 30), subject("Hi"), subject("x" * 79)],
    "preheader": [mail("x" * 20, "Come back and save, through October 28."), mail("x" * 139, "Come back and save, through October 28."), zh("茶" * 10, "回来看看，优惠有效期至10月28日。"), mail("a"), zh("茶")],
    "shouting": [subject("TEA for you and yours"), plain("Really? Yes!"), subject("NASA"), mail("$30"), zh("好！")],
    "spam_words": [mail("click"), mail("Here we are"), plain("urgently".replace("ly", "")[:5]), zh("点击"), sms("We call you"), mail("an order")],
    "reviewed_words": [zh("首先"), zh("级别"), mail("preferred"), zh("选择"), sms_zh("首页")],
    "no_products": [mail("a"), zh("茶"), sms("b"), sms_zh("好"), push("title", "Tea")],
}  # fmt: skip
