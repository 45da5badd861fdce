"""Strangers' LaTeX and Markdown come out readable, and never as anything but what we allow."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet import text

Render = Callable[[str], str]


def shown(html: str) -> str:
    """What a reader sees of a fragment. It must be well-formed, so this also checks that it is."""
    return "".join(ElementTree.fromstring(f"<r>{html}</r>").itertext())


# --- one line, one block ----------------------------------------------------------------------------


@pytest.mark.security_check(1)
@pytest.mark.parametrize(
    ("given_text", "line"),
    [
        ("Attention Is All You Need", "Attention Is All You Need"),
        ("  two\t words\r\nand\u00a0more\u2028end ", "two words and more end"),
        ("a\u202eevil\u2066b\u2069", "aevilb"),
        ("nul\x00bell\x07\x1b[31m", "nulbell[31m"),
        ("\ufeffzero\u200bwidth\u2060\u00ad", "zerowidth"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("private \ue000 \U000f0000 non \uffff", "private non"),
        ("hidden\U000e0041\U000e0042", "hidden"),
        ("G\u006f\u0308del", "Gödel"),
        ("क्\u200dष", "क्\u200dष"),
        ("pay\u200dpal", "paypal"),
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("z" + "\u0301" * 50, "ź" + "\u0301" * 4),
        ("a\ufe0f\ufe0e\ufe0f", "a\ufe0f"),
    ],
)
def test_a_line_keeps_what_can_be_seen(given_text: str, line: str) -> None:
    assert text.plain_line(given_text) == line


def test_a_block_keeps_its_paragraphs() -> None:
    assert text.plain_block(" one\nline\r\n\r\n \n two \u2029three\n\u200b\n") == "one line\n\ntwo\n\nthree"


@given(st.text(st.one_of(st.characters(), st.characters(categories=["Cs", "Co", "Cf", "Mn", "Cc", "Zs"]))))
def test_cleaning_twice_is_cleaning_once(value: str) -> None:
    line, block = text.plain_line(value), text.plain_block(value)
    assert text.plain_line(line) == line
    assert text.plain_block(block) == block
    assert "\n" not in line
    assert "\n\n\n" not in block
    line.encode()
    block.encode()


# --- prose ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "plain"),
    [
        (r"\emph{x}, \textit{y} and \textbf{z}", "x, y and z"),
        (r"{\it Chandra} and {\bf bold {\em both}}", "Chandra and bold both"),
        (r"``quoted'' and `single', 3.5'' wide", "“quoted” and ‘single’, 3.5'' wide"),
        ("pages 3--5 --- all", "pages 3–5 — all"),
        (r"100\% of R\&D in a\_b \#1 \$5", "100% of R&D in a_b #1 $5"),
        (r"G\"odel, Erd\H{o}s, {\'e}tude, \c{c}a, na\"{\i}ve, \v{S}", "Gödel, Erdős, étude, ça, naïve, Š"),
        (r"Stra\ss e, S{\o}ren, {\L}ukasz, \AA ngstr\"om", "Straße, Søren, Łukasz, Ångström"),
        (r"Fig.~2 but ~100 and 3~5", "Fig. 2 but ~100 and 3~5"),
        (r"see \cite{a2020} and \ours", r"see \cite{a2020} and \ours"),
        (r"\url{https://x.org/a\_b} \href{https://y.org}{code}", "https://x.org/a_b code"),
        (r"\textcolor{red}{red} \footnote{why}", "red (why)"),
        (r"bare \alpha and \leq", "bare α and ≤"),
        (r"set {0, 1} stays", "set {0, 1} stays"),
        (r"open \textbf{never closed", r"open \textbf{never closed"),
        (r"{\it never closed", r"{\it never closed"),
        ("stray } and \\", "stray } and \\"),
    ],
)
def test_latex_markup_in_prose_is_read(source: str, plain: str) -> None:
    assert text.text_plain(source) == plain
    assert " ".join(shown(text.title_html(source)).replace("\xa0", " ").split()) == plain


def test_markup_becomes_html() -> None:
    assert text.title_html(r"\emph{a} {\bf b} \texttt{c} \textsc{d} x\textsuperscript{2}") == (
        '<em>a</em> <strong>b</strong> <code>c</code> <span class="small-caps">d</span> x<sup>2</sup>'
    )


def test_abstracts_have_paragraphs_and_links() -> None:
    assert text.abstract_html("One & two.\n\nSee (https://x.org/a_(b)--c).") == (
        "<p>One &amp; two.</p>\n"
        '<p>See (<a href="https://x.org/a_(b)--c" rel="nofollow ugc noopener">https://x.org/a_(b)--c</a>).</p>'
    )


def test_titles_have_no_links_since_they_stand_in_one() -> None:
    assert "<a" not in text.title_html(r"https://x.org \url{https://y.org} \href{https://z.org}{z}")


def test_links_do_not_nest() -> None:
    html = text.abstract_html(r"\href{https://a.org}{see https://b.org}")
    assert html == '<p><a href="https://a.org" rel="nofollow ugc noopener">see https://b.org</a></p>'


# --- formulas ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "plain"),
    [
        (r"$\beta$-VAE", "β-VAE"),
        ("$x^2$ and $10^{-3}$", "x² and 10⁻³"),
        (r"Li$_{6-x}$", "Li₆₋ₓ"),
        (r"\(\mathcal{O}(n \log n)\)", "O(n log n)"),
        (r"$\mathbb{R}^d$", "ℝᵈ"),
        (r"$$\frac{a+b}{2}$$", "(a+b)/2"),
        (r"$\sqrt{x}$, $\hat{x}$, $f'(x)$, $a^*$, $90^\circ$", "√x, x̂, f′(x), a*, 90°"),
        (r"$\mathrm{softmax}(x)$", "softmax(x)"),
        (r"$\binom{n}{k}$", "(n choose k)"),
        (r"$p_{\mathrm{max}}$", "pₘₐₓ"),
        (r"$x^{\mathrm{long}}$", "x^long"),
        (r"\begin{equation}a=b\end{equation}", "a=b"),
        (r"$\ours > 3$", r"\ours > 3"),
        (r"$\frac$", r"\frac"),
    ],
)
def test_simple_formulas_become_unicode(source: str, plain: str) -> None:
    assert text.text_plain(source) == plain


def test_a_formula_becomes_mathml_with_its_source() -> None:
    assert text.title_html("$x^2$") == (
        '<math alttext="x^2"><mrow><msup><mi>x</mi><mn>2</mn></msup></mrow></math>'
    )
    assert '<math alttext="a" display="block">' in text.abstract_html(r"\[a\]")
    assert '<math alttext="a">' in text.title_html(r"\[a\]")


def test_upright_letters_become_one_word_and_bold_ones_bold_letters() -> None:
    assert "<mi>softmax</mi>" in text.title_html(r"$\mathrm{softmax}$")
    assert "<mi>𝐱</mi><mi>𝐲</mi>" in text.title_html(r"$\mathbf{xy}$")
    assert "<mo>∼</mo>" in text.title_html(r"$\sim 5$")


@pytest.mark.parametrize(
    "money",
    [
        "costs $5 and $10",
        "from $5-$10 to $1,000 (or €900)–$2,000",
        "US$5M to US$10M",
        "A$AP and Ke$ha",
        "$ 5 million and $ 10 million",
        "the symbols $ and $ alone",
        "only $20 per tutor",
        "$$$ cheap",
        "a lone $",
    ],
)
def test_money_is_not_maths(money: str) -> None:
    assert text.title_html(money) == money
    assert text.text_plain(money) == money


@pytest.mark.parametrize(
    "maths", ["$k$", "$5$", "$50-100$", "$a + b$", r"$ h(A) $", r"$\sim$50", "$n=3$", "$>$100"]
)
def test_maths_is_maths(maths: str) -> None:
    assert "<math" in text.title_html(maths)


def test_money_does_not_spoil_the_formula_after_it() -> None:
    assert shown(text.title_html("costs $5 for $x$")) == "costs $5 for x"


@pytest.mark.security_check(2)
@pytest.mark.parametrize(
    "source",
    [
        r"$\def\a{\a\a}\a$",
        r"$\newcommand{\x}{\x\x}\x$",
        r"$\gdef\x{y}$",
        r"$\let\x=y$",
        r"$\DeclareMathOperator{\x}{y}$",
        "$" + "{" * 40 + "x" + "}" * 40 + "$",
        "$" + r"\sqrt" * 40 + "{x}$",
        "$" + r"\left(" * 40 + "x" + r"\right)" * 40 + "$",
        r"$x_$",
        r"$\left( x$",
        "$x" + "+x" * 600 + "$",
        r"$\begin{matrix}" + r"a\\" * 100 + r"\end{matrix}$",
    ],
)
def test_what_is_broken_or_excessive_is_shown_as_its_source(source: str) -> None:
    assert "<math" not in text.title_html(source)
    assert shown(text.title_html(source)) == source


@pytest.mark.security_check(2)
def test_only_so_many_formulas_are_rendered() -> None:
    many = " ".join(["$x$"] * 100)
    assert text.title_html(many).count("<math") == 60
    assert text.abstract_html(f"{many}\n\n{many}").count("<math") == 60
    assert "$x$" in text.abstract_html(many)


@pytest.mark.security_check(2)
@pytest.mark.parametrize(
    "source",
    [
        r"$\href{javascript:alert(1)}{x}$",
        r"$\text{<script>alert(1)</script>}$",
        r"$\text{&lt;script&gt;}$",
        r"$\text{&#x3c;script&#x3e;}$",
        r"$\unicode{x3c}script\unicode{x3e}$",
        r"$\class{evil}{x} \style{color:red}{x}$",
        r"$\verb|<img src=x onerror=y>|$",
        r"$\operatorname{a onclick b}$",
        r"$<script>$",
        r'$x"onload="y$',
        r"$\textcolor{red;background:url(x)}{x} \colorbox{red}{y}$",
        r"$\begin{script}x\end{script}$",
        r"$\includegraphics[onerror=y]{x}$",
        r"\href{javascript:alert(1)}{x} \url{javascript:alert(1)} \href{https://x\" onclick=y}{z}",
        r"\href{ data:text/html,x}{x} https://x.org/\"onmouseover=y https://x.org/<script>",
    ],
)
def test_no_formula_carries_script_links_or_styles(source: str) -> None:
    for render in (text.title_html, text.abstract_html, text.comment_html):
        assert_harmless(render(source))


@pytest.mark.security_check(2)
@pytest.mark.parametrize(
    "source",
    [
        r"$\hspace{-99em}x$",
        r"$\kern-50em x$",
        r"$\rule{900em}{900em}$",
        r"$\raise{99em}{x}$",
        r"$\!\!\!\!x$",
        r"$\color{white}x$",
        r"$\mspace{9999mu}x$",
    ],
)
def test_no_formula_paints_over_its_neighbours(source: str) -> None:
    for element in ElementTree.fromstring(f"<r>{text.title_html(source)}</r>").iter():
        for name, value in element.attrib.items():
            assert name == "alttext" or not re.search(r"-|\d\d", value)
            assert name not in ("mathcolor", "mathbackground", "voffset", "lspace", "height", "depth")


@pytest.mark.security_check(1)
def test_bidi_overrides_cannot_hide_in_formulas() -> None:
    assert "\u202e" not in text.title_html(r"$\unicode{x202e}$ $&#x202e;$")
    assert "\x0b" not in text.title_html(r"$\unicode{xb}$ $&#xb;$")
    assert "\u202e" not in text.text_plain(r"$\unicode{x202e}$ $&#x202e;$")


# --- comments ---------------------------------------------------------------------------------------


def test_comments_are_commonmark_with_formulas() -> None:
    assert text.comment_html("# Why\n\nSince $x^2$ *is* `$y$`:\n\n1. **a**\n2. <https://x.org>") == (
        '<p><strong>Why</strong></p>\n<p>Since <math alttext="x^2"><mrow><msup><mi>x</mi><mn>2</mn></msup>'
        "</mrow></math> <em>is</em> <code>$y$</code>:</p>\n<ol>\n<li><strong>a</strong></li>\n"
        '<li><a href="https://x.org" rel="ugc nofollow noopener">https://x.org</a></li>\n</ol>'
    )


def test_images_become_links_and_bare_addresses_too() -> None:
    link = '<a href="https://x.org/{0}" rel="ugc nofollow noopener">{1}</a>'
    html = text.comment_html("![a cat](https://x.org/c.png) and https://x.org/d_e_f.")
    assert (
        html == f"<p>{link.format('c.png', 'a cat')} and {link.format('d_e_f', 'https://x.org/d_e_f')}.</p>"
    )


@pytest.mark.security_check(3)
@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1)) [y](JaVaScRiPt:alert(1)) [z](data:text/html,x) [w](vbscript:x)",
        "<javascript:alert(1)>",
        "![x](javascript:alert(1))",
        '[x](https://x.org "onclick=alert(1)")',
        "[x](https://x.org 'a\" onclick=\"b')",
        "[a]: javascript:alert(1)\n\n[a]",
        "```html onload=x\n<script>\n```",
        '[$x"onmouseover=y$](https://x.org)',
        '[x](https://x.org "$a onmouseover=y$")',
        '![$" onerror=y$](https://x.org)',
        "https://x.org/$a onmouseover=alert(1) b=$ https://$a$",
        "<https://x.org/$a$>",
        "&lt;script&gt; &#60;script&#62;",
        "<svg><math><mtext><style><img src=x onerror=y></style></mtext></math></svg>",
    ],
)
def test_comments_carry_no_script(source: str) -> None:
    assert_harmless(text.comment_html(source))


@pytest.mark.security_check(3)
def test_a_place_for_a_formula_cannot_be_guessed() -> None:
    first = text.comment_html("$x$ 0x0x seal x0x")
    assert first.count("<math") == 1


# --- for any text -----------------------------------------------------------------------------------

ALLOWED = {
    "r", "p", "br", "hr", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "a", "span", "sup",
    "sub", "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "msup", "msub", "msubsup", "mover",
    "munder", "munderover", "mfrac", "msqrt", "mroot", "mtable", "mtr", "mtd", "mstyle", "mpadded",
    "mphantom", "menclose",
}  # fmt: skip
PIECES = [
    "$", "$$", "\\(", "\\)", "\\[", "\\]", "{", "}", "^", "_", "&", "\\\\", "~", "--", "``", "''", "'", "`",
    "%", "#", "<", ">", '"', "=", "|", "\\frac", "\\sqrt", "\\left(", "\\right)", "\\text{", "\\emph{",
    "{\\it ", "{\\bf ", "\\textbf{", "\\mathbb{R}", "\\mathbf", "\\href{", "\\url{", "javascript:alert(1)",
    "https://x.org/", "onclick=", "\\unicode{x3c}", "\\begin{matrix}", "\\end{matrix}", "\\begin{equation}",
    "\\end{equation}", "\\over", "\\color{red}", "\\class{a}", "\\style{b}", "\\verb|", "<script>",
    "</script>", "\\alpha", "\\sum", "\\hat", '\\"', "\\c{c}", "\\cite{a}", "x", "1", "&#x3c;", "&lt;",
    "\\operatorname{a}", "\\not", "\\limits", "\\xrightarrow[a]{b}", "\\mathchoice", "\\genfrac",
    "\\sideset", "\\rule", "\\hspace{9em}", "\\kern-9em", "\\tag{x}", "*", "[", "]", "(", ")", "!", " ",
    "\n\n",
]  # fmt: skip
LATEX = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=40).map("".join)


def assert_harmless(html: str) -> None:
    """Well-formed, and nothing in it but the elements, attributes and schemes we allow."""
    for element in ElementTree.fromstring(f"<r>{html}</r>").iter():
        assert element.tag in ALLOWED
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            assert name not in ("style", "src", "id", "srcdoc", "xmlns")
            if name == "href":
                assert element.tag == "a"
                assert re.match("(?:https?://|mailto:)", value)
                assert "nofollow" in element.attrib["rel"]
    assert "<script" not in html.lower()


@pytest.mark.security_check(1)
@given(st.one_of(LATEX, st.text()))
def test_any_text_renders_to_harmless_well_formed_html(source: str) -> None:
    assert_harmless(text.title_html(source))
    assert_harmless(text.abstract_html(source))


@pytest.mark.security_check(3)
@given(st.one_of(LATEX, st.text()))
def test_any_comment_renders_to_harmless_well_formed_html(source: str) -> None:
    # An HTML fragment: the void elements are closed here so that an XML parser can check the rest.
    assert_harmless(re.sub("<(br|hr)>", r"<\1/>", text.comment_html(source)).replace("&nbsp;", " "))


@given(st.one_of(LATEX, st.text()))
def test_any_text_has_a_plain_and_a_latex_form(source: str) -> None:
    text.text_plain(source).encode()
    latex = text.text_latex(source)
    depth = 0
    for character in latex:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0


# --- LaTeX out --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "latex"),
    [
        (r"The $\beta$-VAE of G\"odel \& co", r"The $\beta$-VAE of Gödel \& co"),
        ("costs $5, 100% of a_b", r"costs \$5, 100\% of a\_b"),
        ("}, evil={", r"\textbraceright{}, evil=\textbraceleft{}"),
        ("{BERT}", r"\{BERT\}"),
        (r"$\input{x}$", r"\$\textbackslash{}input\{x\}\$"),
        (r"$\ours$", r"\$\textbackslash{}ours\$"),
        (r"$x^^41$", r"\$x\textasciicircum{}\textasciicircum{}41\$"),
    ],
)
def test_latex_out_keeps_known_formulas_and_escapes_the_rest(source: str, latex: str) -> None:
    assert text.text_latex(source) == latex


# --- shortening -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "limit", "short"),
    [
        ("short", 10, "short"),
        ("One sentence here. Another one follows it.", 30, "One sentence here."),
        ("no sentence ends in this text", 20, "no sentence ends in…"),
        ("an abstract, with commas, and more", 26, "an abstract, with commas…"),
        ("a text with a formula $x + y + z$ in it", 30, "a text with a formula…"),
        (r"a text with a \emph{group of words} in it", 30, "a text with a…"),
        ("onelongwordwithoutanyspaces", 10, "onelongwo…"),
    ],
)
def test_shortening_ends_at_a_word_or_sentence(source: str, limit: int, short: str) -> None:
    assert text.shorten(source, limit) == short


@given(st.one_of(LATEX, st.text()), st.integers(0, 60))
def test_shortened_text_is_never_longer_than_its_limit(source: str, limit: int) -> None:
    assert len(text.shorten(source, limit)) <= max(limit, 1)


# --- time -------------------------------------------------------------------------------------------

SIZE = 100_000
TRAPS = [
    "$", "$a ", "$a$", "\\(", "\\(a ", "$$a", "{", "}", "{\\it ", "\\emph{", "`", "`a ", "''", "-",
    "https://a", "https://a.", ")", "\\begin{equation}", "\\href{", "\\url{", "\\textcolor{", "\\", "\\a",
    "~", "\n\n", "a\n\n", ". ", "\u0301", "\u0301\u0323", "\u200d", "\u202e", "\ufe0f", "[", "[a](",
    "![a](", "*a ", "_a*", "> ", "<a ",
]  # fmt: skip


@pytest.mark.security_check(19)
@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize(
    "render",
    [
        text.plain_block,
        text.title_html,
        text.abstract_html,
        text.text_plain,
        text.text_latex,
        text.comment_html,
    ],
)
def test_no_text_takes_more_than_linear_time(render: Render, trap: str) -> None:
    source = trap * (SIZE // len(trap))
    started = time.process_time()
    render(source)
    # Seconds of processor time, a hundred times what it takes: only a quadratic reader would need them.
    assert time.process_time() - started < 5


@pytest.mark.security_check(19)
def test_long_texts_are_cut_before_they_are_rendered() -> None:
    assert len(text.title_html("x" * SIZE)) == text.TITLE_LIMIT
    assert len(shown(text.abstract_html("word " * SIZE))) <= text.ABSTRACT_LIMIT
    assert len(shown(text.comment_html("word " * SIZE))) <= text.COMMENT_LIMIT


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("le syst{è}me d'information", "le système d'information"),
        ("{B}ayesian and {É}cole", "Bayesian and École"),
        ("random {0,1}-matrices and {a, b}", "random {0,1}-matrices and {a, b}"),
    ],
)
def test_braces_inside_a_word_are_tex_and_others_are_the_authors(source: str, shown: str) -> None:
    assert text.text_plain(source) == shown
