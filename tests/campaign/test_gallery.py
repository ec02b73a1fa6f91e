from html import unescape
from html.parser import HTMLParser

from src.campaign.gallery import choose_samples, preview_html, preview_text


class Frames(HTMLParser):
    """Attributes of all iframes, and the names of all other elements."""

    def __init__(self, page):
        super().__init__()
        self.frames, self.elements = [], set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "iframe":
            self.frames.append(dict(attrs))
        self.elements.add(tag)


def test_each_action_has_a_typical_message_and_the_extremes_follow(messages, campaign):
    titles = [sample.title for sample in choose_samples(messages, campaign)]
    assert titles == [
        "Typical: 10 % off your favourite department",
        "Typical: 5 dollars off a basket of 40",
        "Longest message, longest name: ten_percent",
        "Shortest message, shortest name: five_dollars",  # c2, with one product
        "Arabic name: ten_percent",
        "Emoji in the name: ten_percent",
    ]


def test_previews_show_invented_people_and_no_marker(messages, campaign):
    for sample in choose_samples(messages, campaign):
        assert "⟦" not in sample.subject + sample.html + sample.text
        assert any(name in sample.text for name in ("Alex", "Bo", "Maximiliane", "عبد", "🌻"))


def test_each_letter_sits_whole_in_a_frame_without_rights(messages, campaign):
    samples = choose_samples(messages, campaign)
    found = Frames(preview_html(samples, campaign))
    assert len(found.frames) == 3 + 3 + 1 + 1 + 1 + 1
    assert all(frame["sandbox"] == "" for frame in found.frames)
    assert found.frames[0]["srcdoc"].endswith("</html>")
    assert found.elements <= {"div", "h4", "strong", "br", "span", "p", "iframe"}


def test_light_and_dark_do_not_depend_on_the_readers_machine(messages, campaign):
    frames = Frames(preview_html(choose_samples(messages, campaign), campaign)).frames
    assert not [frame for frame in frames if "prefers-color-scheme" in frame["srcdoc"]]
    assert "@media all" in frames[2]["srcdoc"]
    assert "@media not all" in frames[1]["srcdoc"]


def test_letter_cannot_break_out_of_its_frame(messages, campaign):
    rows = messages.copy()
    rows["html"] = '"></iframe><script>x()</script>⟦unsubscribe_url⟧'
    rows["subject"] = rows["text"] = "</pre><script>x()</script>"
    samples = choose_samples(rows, campaign)
    for page in (preview_html(samples, campaign), preview_text(samples)):
        assert "<script" not in page
        assert "<script" in unescape(unescape(page))


def test_without_messages_the_gallery_says_so(messages, campaign):
    assert choose_samples(messages.head(0), campaign) == []
    assert "No message is planned" in preview_html([], campaign)
    assert "No message is planned" in preview_text([])


def test_sms_is_a_bubble_and_a_push_a_notice_with_nothing_but_text(messages, campaign):
    rows = messages.assign(html="", subject="", channel="sms", text="Hi <b>& 10% off</b> 🎉")
    samples = choose_samples(rows, campaign)
    page = preview_html(samples, campaign)
    assert Frames(page).frames == []
    assert "Hi &lt;b&gt;&amp; 10% off&lt;/b&gt; 🎉" in page
    assert [sample.title.partition(":")[0] for sample in samples][-2:] == [
        "Longest message",  # nobody is called by name in it
        "Shortest message",
    ]
    rows = rows.assign(channel="push", text='{"title": "A<b>", "body": "<script>x</script>"}')
    page = preview_html(choose_samples(rows, campaign), campaign)
    assert "<strong>A&lt;b&gt;</strong>" in page
    assert "<script" not in page
