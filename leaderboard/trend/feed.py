"""Entries -> an Atom feed (RFC 4287) and a JSON Feed (version 1.1). Times are those of the runs, never the clock's."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from xml.etree import ElementTree

from markupsafe import escape

from leaderboard.markup.pages import CHANGES, FEED
from leaderboard.trend.changes_view import Entry, said

JSON_FEED = "changes.json"
_ATOM = "http://www.w3.org/2005/Atom"
_TITLE = "glotbench leaderboard: what changed"
_FORBIDDEN = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF), "\ufffd")


def atom(entries: Sequence[Entry], base_url: str) -> str:
    """The feed; ``entries`` is not empty, newest first.

    Args:
        base_url: What links begin with; without it they are relative to the feed.
    """
    feed = ElementTree.Element("feed", {"xmlns": _ATOM, "xml:lang": "en"})
    _text(feed, "id", _feed_id(entries, base_url))
    _text(feed, "title", _TITLE)
    _text(feed, "updated", max(entry.created for entry in entries))
    _text(ElementTree.SubElement(feed, "author"), "name", "glotbench")
    ElementTree.SubElement(feed, "link", {"rel": "self", "type": "application/atom+xml", "href": _link(base_url, FEED)})
    ElementTree.SubElement(feed, "link", {"rel": "alternate", "type": "text/html", "href": _link(base_url, CHANGES)})
    for entry in entries:
        node = ElementTree.SubElement(feed, "entry")
        _text(node, "id", entry.id)
        _text(node, "title", _title(entry))
        _text(node, "updated", entry.created)
        _text(node, "published", entry.created)
        href = _link(base_url, f"{CHANGES}#{entry.anchor}")
        ElementTree.SubElement(node, "link", {"rel": "alternate", "type": "text/html", "href": href})
        lines = "".join(f"<li>{escape(said(sentence))}</li>" for sentence in entry.sentences)
        _text(node, "content", f"<p>Run {escape(said((entry.run,)))}</p><ul>{lines}</ul>", type="html")
    ElementTree.indent(feed)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(feed, encoding="unicode") + "\n"


def json_feed(entries: Sequence[Entry], base_url: str) -> str:
    """The same as JSON Feed 1.1."""
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": _TITLE,
        "home_page_url": _link(base_url, CHANGES),
        "feed_url": _link(base_url, JSON_FEED),
        "language": "en",
        "items": [
            {
                "id": entry.id,
                "url": _link(base_url, f"{CHANGES}#{entry.anchor}"),
                "title": _title(entry),
                "content_text": "\n".join(map(said, entry.sentences)),
                "date_published": entry.created,
                "_glotbench": {"run_id": said((entry.run,)), "got_worse": entry.alert},
            }
            for entry in entries
        ],
    }
    return json.dumps(feed, indent=1, ensure_ascii=False) + "\n"


def _title(entry: Entry) -> str:
    return said(entry.title) + (": something got worse" if entry.alert else "")


def _feed_id(entries: Sequence[Entry], base_url: str) -> str:
    """Where the site is published; without that, of its oldest entry."""
    if base_url:
        return uuid.uuid5(uuid.NAMESPACE_URL, base_url).urn
    return uuid.uuid5(uuid.NAMESPACE_OID, f"glotbench feed {entries[-1].id}").urn


def _link(base_url: str, page: str) -> str:
    return f"{base_url}/{page}" if base_url else page


def _text(parent: ElementTree.Element, name: str, text: str, **attributes: str) -> None:
    """A child with text that XML 1.0 can hold."""
    ElementTree.SubElement(parent, name, attributes).text = text.translate(_FORBIDDEN)
