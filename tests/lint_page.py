"""Ways to break the rules for what a reader sees, and what lint says of each (tests/test_lint.py)."""

from lint_good import PREDICT, broken, put_at_top, replaced

replaced("no_title", "title", "# Do a thing", "Do a thing", "0 headings of level 1: have one, the first")
replaced("two_titles", "cleanup", "##", "# Thing\n\n##", "2 headings of level 1: have one, the first")
put_at_top("a_skipped_level", "#### Deep", "cell two: heading 'Deep' skips a level: use ###")
for row, rest in (
    ("Minutes", "You will, You need, Checked against"),
    ("You will", "You need, Minutes, Checked against"),
):
    replaced(
        f"no_row_{row}",
        *("title", f"| **{row}** |", f"| {row} |"),
        f"cell title: the table under the title has {rest}:"
        " have You will, You need, Minutes, Checked against, in this order",
    )
replaced("no_setup", "setup", "Set-up", "First", "the first section is not Set-up: begin with ## Set-up")
replaced("no_cleanup", "cleanup", "Clean-up", "The map", "the last section is not Clean-up: end with ## Clean-up")
replaced(
    "no_summary",
    *("summary", "now do", "do now"),
    "nobody is told what they can now do: add ## What you can now do before ## Clean-up",
)
replaced(
    "nothing_to_remember",
    *("summary", "To remember", "Remember"),
    "cell summary: has nothing to remember: end it with one sentence after 'To remember:'",
)
put_at_top(
    "eleven_ideas",
    "\n".join(f"## Idea {number}" for number in range(9)),
    "11 sections: an eleventh idea goes to another notebook, or to the reference (at most 10)",
)
replaced(
    "one_prediction",
    *("two", PREDICT, "Nothing to choose from."),
    "predictions in 1 sections: offer choices **A** … · **B** … in 2 or more",
)
replaced(
    "a_picture_without_words",
    *("setup", "a bird on a branch", " "),
    "cell setup: the picture images/bird.png has no text alternative: describe what it shows",
)
put_at_top(
    "an_img_without_words",
    '<img src="images/bird.png" alt="">',
    "cell two: an <img> has no text alternative: describe what it shows",
)
replaced(
    "a_dead_link",
    *("title", "08_other.ipynb#What-it-is-called", "07_gone.ipynb"),
    "cell title: the link to 07_gone.ipynb leads nowhere: mend or drop it",
)
put_at_top("a_dead_img", '<img src="no.png" alt="x">', "cell two: the link to no.png leads nowhere: mend or drop it")
replaced(
    "a_dead_anchor_here",
    *("setup", "#What-is-one%3F", "#What-is-three?"),
    "cell setup: the link to #What-is-three? names no heading there: mend or drop it",
)
replaced(
    "a_dead_anchor_elsewhere",
    *("title", "#What-it-is-called", "#what-it-is-called"),
    "cell title: the link to 08_other.ipynb#what-it-is-called names no heading there: mend or drop it",
)
put_at_top(
    "too_many_words",
    "word " * 1500,
    "1589 words before the exercises: cut, or move an idea to another notebook (at most 1500)",
)
put_at_top("belittled", "You simply call it.", "cell two: says 'simply': leave the word out")
put_at_top("aging", "The latest server does it.", "cell two: says 'latest': leave the word out")
put_at_top(
    "misspelled",
    "Send a recieved mesage.",
    "cell two: 'recieved' is misspelled: received",
    "cell two: 'mesage' is misspelled: message",
)
put_at_top(
    "a_path",
    "See /home/somebody/course.",
    "cell two: holds /home/so…: a key or a path of one machine does not belong here",
)


@broken("cell one-1: holds sk-abcde…: a key or a path of one machine does not belong here")
def a_key_in_an_output(notebook, cells):
    cells["one-1"].outputs[0].data["text/plain"] = "sk-" + "abcdefghijklmnopqrstuvwx"  # put together, so that no scanner takes this file for a leak
