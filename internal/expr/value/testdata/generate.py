"""Writes cpython.txt: what CPython 3.11 answers, one case per line.

    python3.11 generate.py > cpython.txt       a sample, kept in the repository
    python3.11 generate.py all > cpython.txt   all 52,000 cases

A line is: operation, TAB, arguments as a Python literal, TAB, result. The
result is ascii(value), or "!Class: message". Arguments are read by Literal and
the operation is named in golden_test.go.
"""

import ast, itertools, json, random, sys

rnd = random.Random(20240229)
seen = set()
cases = {}


def emit(op, args, f):
    text = ascii(args)
    if "nan" in text.replace("'nan'", "") or "inf" in text.replace("'inf'", ""):
        text = text.replace("inf", "1e999") if "'" not in text and '"' not in text else None
        if text is None or "nan" in text:
            return
    try:
        got = ascii(f())
    except RecursionError:
        return
    except Exception as e:
        got = "!" + type(e).__name__ + ": " + str(e)
        got = got.split(" object at 0x")[0]
    got = got.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t") if got.startswith("!") else got
    if op.startswith("ms:") and got[0] != "!" and ("'" in got or "None" in got.replace("(None, ", "", 1)):
        return  # the order of texts and None in a set is random
    if len(got) > 600 or len(text) > 600:
        return
    line = op + "\t" + text + "\t" + got
    if line in seen:
        return
    seen.add(line)
    cases.setdefault(op, []).append(line.encode("ascii", "backslashreplace").decode())


strings = [
    "", "a", "abc", "Hello World", "hello, world, foo", "  padded  ", "a\tb\n c", "x=y=z", "ABC", "aBc dEf", "123", "-12", "+3",
    "one two  three", "line1\nline2\r\nline3\rend\x85u\u2028v", "\u00df\u00e9\u0130\u01c5\u03a3", "\u039f\u0394\u039f\u03a3 \u03a3", "\u2460\u00b2\u0663",
    "\u4e00\u4e8c", "\U0001f600 x", "tab\there", "it's \"q\"", "it's", 'say "hi"', "back\\slash", "\x00\x1f\x7f", "\ufb01x", "\u00a0\u2003", "don't stop-me_now 3rd",
    "aaaa", "abcabcabc", "\u0301x", "\ud800", "f\u0000g", "{}", "%s", "a.b.c", "/path/to/file.txt", "\u01c4x \u01c6X", "_id1", "1id", "class",
]
small = ["", "a", "b", " ", ",", ", ", "o", "\n", "bc", "abc", "x", "\u00e9", "l", "\t", "ab", "=", ".", "\u03a3"]

for s in strings:
    for name in ("capitalize casefold isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper "
                 "lower upper title swapcase strip lstrip rstrip split rsplit splitlines expandtabs encode").split():
        emit("m:" + name, (s,), lambda: getattr(s, name)())
    emit("repr", (s,), lambda: repr(s))
    emit("ascii", (s,), lambda: ascii(s))
    emit("len", (s,), lambda: len(s))
    emit("m:splitlines", (s, True), lambda: s.splitlines(True))
    for n in (-1, 0, 1, 5, 8, 12, 13):
        emit("m:zfill", (s, n), lambda: s.zfill(n))
        for name in ("center", "ljust", "rjust"):
            emit("m:" + name, (s, n), lambda: getattr(s, name)(n))
            emit("m:" + name, (s, n, "*"), lambda: getattr(s, name)(n, "*"))
    emit("m:expandtabs", (s, 4), lambda: s.expandtabs(4))
    for t in rnd.sample(small, 8):
        for name in ("count find index rfind rindex startswith endswith split rsplit partition rpartition strip lstrip rstrip removeprefix removesuffix join").split():
            emit("m:" + name, (s, t), lambda: getattr(s, name)(t))
        for name in ("split", "rsplit"):
            for n in (0, 1, 2):
                emit("m:" + name, (s, t, n), lambda: getattr(s, name)(t, n))
                emit("m:" + name, (s, None, n), lambda: getattr(s, name)(None, n))
        for name in ("count", "find", "rfind", "startswith", "endswith"):
            a, b = rnd.randint(-6, 8), rnd.randint(-6, 12)
            emit("m:" + name, (s, t, a, b), lambda: getattr(s, name)(t, a, b))
            emit("m:" + name, (s, t, a), lambda: getattr(s, name)(t, a))
        u = rnd.choice(small)
        emit("m:replace", (s, t, u), lambda: s.replace(t, u))
        emit("m:replace", (s, t, u, 1), lambda: s.replace(t, u, 1))
    for _ in range(6):
        a, b, c = (rnd.choice([None, -20, -3, -2, -1, 0, 1, 2, 3, 5, 20]) for _ in range(3))
        emit("slice", (s, a, b, c), lambda: s[a:b:c])

odd = [None, 1, 1.5, True, "a", "", [], (), {}, b"a", ["a"], ("a", "b"), {"a": 1}, 10**30, -1, {1}]
for name in [n for n in dir(str) if not n.startswith("_") and n not in ("format", "encode")]:
    f = getattr("a b", name)
    emit("m:" + name, ("a b",), lambda: f())
    for x in odd:
        emit("m:" + name, ("a b", x), lambda: f(x))
        for y in rnd.sample(odd, 5):
            emit("m:" + name, ("a b", x, y), lambda: f(x, y))
    emit("m:" + name, ("a b", "a", "b", 1, 2), lambda: f("a", "b", 1, 2))

containers = [[], [1], [3, 1, 2], ["a", 1, None], [1, 1.0, True], [[1], [2]], list(range(12))]
for l in containers:
    for name in [n for n in dir(list) if not n.startswith("_")]:
        def call(*a):
            c = ast.literal_eval(repr(l))
            return (getattr(c, name)(*a), c)
        emit("mm:" + name, (l,), lambda: call())
        for x in odd:
            if isinstance(x, set) and len(x) > 1:
                continue
            emit("mm:" + name, (l, x), lambda: call(x))
        emit("mm:" + name, (l, 1, "z"), lambda: call(1, "z"))
        emit("mm:" + name, (l, 1, 0, 2), lambda: call(1, 0, 2))
        emit("mm:" + name, (l, -1, "z"), lambda: call(-1, "z"))
dicts = [{}, {"a": 1}, {"a": 1, "b": [2], 3: None}, {1: "x", 2.5: "y", (1, 2): "z"}, {str(i): i for i in range(12)}]
for d in dicts:
    for name in [n for n in dir(dict) if not n.startswith("_")]:
        def call(*a):
            c = ast.literal_eval(repr(d))
            return (getattr(c, name)(*a), c)
        emit("mm:" + name, (d,), lambda: call())
        for x in odd + [1, 2.5, (1, 2), [("k", 1)], ["xy"], {"n": 1}, "3"]:
            emit("mm:" + name, (d, x), lambda: call(x))
            emit("mm:" + name, (d, x, 7), lambda: call(x, 7))
sets = [{1, 2, 3}, {5}, {40, 3, 7, 19, 100}, {1.5, 2, 300, -1}]
for s in sets:
    for name in [n for n in dir(set) if not n.startswith("_")]:
        def call(*a):
            c = set()
            for x in sorted(s):
                c.add(x)
            return (getattr(c, name)(*a), c)
        emit("ms:" + name, (sorted(s),), lambda: call())
        for x in odd + [[1, 2], (9, 1), [3, 200, 19]]:
            if isinstance(x, set):
                continue
            emit("ms:" + name, (sorted(s), x), lambda: call(x))
for t in [(), (1,), (1, 2, 1), ("a", [1])]:
    for name in ("count", "index"):
        for x in odd:
            emit("m:" + name, (t, x), lambda: getattr(t, name)(x))
for _ in range(150):
    seq = [rnd.choice([rnd.randint(-5, 40), rnd.randint(-10**6, 10**6), rnd.randint(0, 200) / 2, 2**70 + rnd.randint(0, 50), (rnd.randint(0, 3), 1)]) for _ in range(rnd.randint(1, 40))]
    drop = [x for x in seq if rnd.random() < 0.3]
    def order():
        s = set()
        for x in seq:
            s.add(x)
        for x in drop:
            s.discard(x)
        for x in seq[: len(seq) // 3]:
            s.add(x)
        return list(s)
    emit("setorder", (seq, drop), order)
    other = [rnd.randint(-5, 60) for _ in range(rnd.randint(0, 20))]
    def both(f):
        a, b = set(), set()
        for x in seq:
            a.add(x)
        for x in other:
            b.add(x)
        return list(f(a, b))
    for op, f in (("|", set.union), ("&", set.intersection), ("-", set.difference), ("^", set.symmetric_difference)):
        emit("setop:" + op, (seq, other), lambda: both(f))

nums = [0, 1, -1, 2, 3, -3, 7, 10, 255, -256, 2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**20, -(10**25), 0.0, -0.0, 0.5, 1.5, -2.5, 1e16,
        1e-5, 123456.789, 1e300, -1e308, 5e-324, 1e22, 0.1, True, False, 1e999, -1e999, 3.0, 2.675]
ops = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b, "//": lambda a, b: a // b, "%": lambda a, b: a % b,
    "&": lambda a, b: a & b, "|": lambda a, b: a | b, "^": lambda a, b: a ^ b, "<<": lambda a, b: a << b, ">>": lambda a, b: a >> b,
}
cmps = {"==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b}
for a, b in itertools.product(nums, nums):
    for op in ops:
        if op == "<<" and (abs(b) > 100):
            continue
        if rnd.random() < 0.45:
            emit("b:" + op, (a, b), lambda: ops[op](a, b))
    if rnd.random() < 0.5 and abs(b) < 70 and abs(a) < 2**65:
        emit("b:**", (a, b), lambda: a ** b)
    if rnd.random() < 0.3:
        emit("divmod", (a, b), lambda: divmod(a, b))
    op = rnd.choice(list(cmps))
    emit("c:" + op, (a, b), lambda: cmps[op](a, b))
for a in nums:
    emit("repr", (a,), lambda: repr(a))
    for f in (abs, int, float, round):
        emit(f.__name__, (a,), lambda: f(a))
    emit("neg", (a,), lambda: -a)
    emit("invert", (a,), lambda: ~a)
    emit("truth", (a,), lambda: bool(a))
    for n in (0, 1, 2, -1, -2, 5, 20, -30, True, None):
        emit("round", (a, n), lambda: round(a, n))
    for name in ("bit_length", "bit_count", "as_integer_ratio", "conjugate", "is_integer", "hex"):
        if hasattr(a, name):
            emit("m:" + name, (a,), lambda: getattr(a, name)())
for _ in range(400):
    f = rnd.choice([rnd.uniform(-1, 1), rnd.uniform(-1e6, 1e6), rnd.random() * 10 ** rnd.randint(-30, 30), rnd.randint(-999, 999) / 8])
    n = rnd.randint(-3, 8)
    emit("repr", (f,), lambda: repr(f))
    emit("round", (f, n), lambda: round(f, n))
    emit("round", (f,), lambda: round(f))
    emit("m:hex", (f,), lambda: f.hex())
mixed = [None, True, 1, 1.5, "a", "b", b"a", [1], [1, 2], ["a"], (1,), (1, "a"), {}, {"a": 1}, {1}, {1, 2}, 10**30, [], (), ""]
for a, b in itertools.product(mixed, mixed):
    for op in ("+", "-", "*", "/", "//", "%", "&", "|", "^", "<<"):
        if op == "*" and 10**30 in (a, b) and isinstance(a, (str, list, tuple, bytes)) | isinstance(b, (str, list, tuple, bytes)):
            continue
        if op == "%" and isinstance(a, bytes):
            continue
        emit("b:" + op, (a, b), lambda: ops[op](a, b))
    for op in cmps:
        emit("c:" + op, (a, b), lambda: cmps[op](a, b))
    emit("in", (a, b), lambda: a in b)
    emit("item", (a, b), lambda: a[b])
for a in mixed:
    emit("neg", (a,), lambda: -a)
    emit("truth", (a,), lambda: bool(a))
    emit("len", (a,), lambda: len(a))
    emit("int", (a,), lambda: int(a))
    emit("float", (a,), lambda: float(a))
    emit("abs", (a,), lambda: abs(a))
    emit("sorted", (a,), lambda: sorted(a))
    emit("round", (a,), lambda: round(a))
for _ in range(60):
    k = rnd.choice([lambda: rnd.randint(0, 20), lambda: rnd.choice("abcABC"), lambda: (rnd.randint(0, 3), rnd.choice("ab")), lambda: rnd.choice([1, 2.5, True, 0]), lambda: rnd.choice([1, "a", 2.5])])
    l = [k() for _ in range(rnd.randint(0, 30))]
    emit("sorted", (l,), lambda: sorted(l))
    emit("sorted", (l, True), lambda: sorted(l, reverse=True))
    for a, b in [(l, [k() for _ in range(len(l))])]:
        for op in ("<", "=="):
            emit("c:" + op, (a, b), lambda: cmps[op](a, b))
for l in ([0, 1, 2, 3, 4, 5], (0, 1, 2), b"abcdef"):
    for _ in range(40):
        a, b, c = (rnd.choice([None, -10, -3, -2, -1, 0, 1, 2, 3, 10, 10**30, -(10**30), "x", 1.5]) for _ in range(3))
        emit("slice", (l, a, b, c), lambda: l[a:b:c])

texts = ["5", " 5 ", "-5", "+5", "- 5", "1_000", "1__0", "_1", "1_", "0x10", "0b11", "0o17", "0x_f", "1.5", "1e3", "", " ", "abc", "\u0663\u0664", "12\u0663", "\u2003 7\n", "9" * 25,
         "007", "1e999", "-1e999", "infinity", "-Infinity", "nan", "+nan", "inf", ".5", "5.", ".", "1e", "e5", "1_0.5_0", "1._5", "0x1p3", "1e1_0", "--1", "z", "Z9", "\u00bd", "1 2", "+-1", "0_0", "00", "1\x00"]
for t in texts:
    emit("int", (t,), lambda: int(t))
    emit("float", (t,), lambda: float(t))
    for base in (0, 2, 8, 10, 16, 36, 37, 1):
        emit("int", (t, base), lambda: int(t, base))

specs = ["", "d", "5", "<5", ">5", "^5", "=5", "05", "+", " ", "-", "+5d", "x", "#x", "X", "#X", "o", "#o", "b", "#b", "c", "n", ",", "_", "_x", "_b", ",d", "010,", "e", "E", "f", "F", "g", "G", "%", ".2f", ".0f",
         "8.3f", "08.3f", "+.1e", ".3g", ".10g", "#.3g", "#.0f", ",.2f", "015,.2f", "_.1f", ".1%", "s", "10s", "<10", ">10", "^10", "*^11", "\u00e9>6", ".2", ".2s", "10.3", "=+8", "x<8", "zf", "z.1f", "z", "0", "00", "0>5", "#010x",
         "yy", "y", "5 d", ".", ",_", "_,", ",,", "99999999999999999999", "#_x", "020_b", "r", "a", "{}", "1.", " .3e", "^+9.2f", "-010d", "+,", "<010", "^010", "N", ",x", "_c", ",s", ",n", "%%"]
vals = [0, 1, -1, 5, 255, 65, 1234567, -1234567, 10**20, True, False, 0.0, -0.0, 1.0, -1.5, 3.14159, 1234.5678, 1e10, 1e16, 1e-5, 1e100, 0.0001, 123456789.0, 1e999, -1e999, 99999.5, 0.05, "", "a", "hello", "h\u00e9llo", None, [1], (1,), {}, b"x"]
for v in vals:
    for sp in specs:
        emit("format", (v, sp), lambda: format(v, sp))
for _ in range(1500):
    sp = rnd.choice(["", "*<", ">", "^", "0=", "="]) + rnd.choice(["", "+", "-", " "]) + rnd.choice(["", "", "z"]) + rnd.choice(["", "", "#"]) + rnd.choice(["", "", "0"]) + rnd.choice(["", "1", "7", "12", "20"]) + rnd.choice(["", "", ",", "_"]) + rnd.choice(["", "", ".0", ".1", ".3", ".8"]) + rnd.choice(list("defgEFGxXobcns%") + ["", "", "f", "d"])
    v = rnd.choice([rnd.randint(-10**rnd.randint(1, 12), 10**rnd.randint(1, 12)), rnd.uniform(-1, 1) * 10 ** rnd.randint(-8, 20), rnd.choice(strings[:12])])
    emit("format", (v, sp), lambda: format(v, sp))

for code in "diouxXeEfFgGcrsaZ":
    for flags in ("", "-", "0", "+", " ", "#", "-0", "+ ", "#0", " 0"):
        for size in ("", "8", "3.2", ".0", ".5", "12.4"):
            if rnd.random() < 0.35:
                v = rnd.choice([0, 5, -17, 255, 10**20, True, 3.7, -0.5, 1e10, 1e-7, "ab", "\u00e9", None, [1, "x"], 65, "a", {"k": 1}])
                emit("printf", ("<%" + flags + size + code + ">", (v,)), lambda: ("<%" + flags + size + code + ">") % (v,))
for fmt, arg in [("%s %s", ("a",)), ("%s", ("a", "b")), ("%s", "x"), ("%s", ()), ("%d", "x"), ("%d", 1.9), ("%x", 1.5), ("%c", "ab"), ("%c", -1), ("%c", 8364), ("%(a)s", {"a": 1}), ("%(a)s %(b)s", {"a": 1}), ("%(a)s", 5), ("%(a", {}),
                 ("%", 1), ("%y", 1), ("%5%", (1,)), ("%%", ()), ("100%%", ()), ("%s%%", (5,)), ("%*d", (5, 3)), ("%-*d|", (5, 3)), ("%*d", (-5, 3)), ("%.*f", (2, 3.14159)), ("%*d", ("a", 1)), ("abc", 1), ("abc", []), ("abc", {}), ("abc", ()), ("%s", [1]),
                 ("%s", {"a": 1}), ("%s %s", {"a": 1}), ("%(a)s %s", {"a": 1}), ("%s %(a)s", {"a": 1}), ("%(a(b))s", {"a(b)": 1}), ("%(a)*d", {"a": 1}), ("%ld %hd", (1, 2)), ("%i", None), ("%f", "x"), ("%f", None), ("%d", 1e999), ("%e", 10**400), ("%\u00e9", 1), ("%r %a", ("\u00e9", "\u00e9")), ("%.3r", "abcdef"),
                 ("%.99999999999d", 1), ("%s", None), ("%5s|%-5s|", (True, None)), ("%()s", {"": 3}), ("%-", 1), ("%#", 1), ("%l", 1), ("%.", 1), ("%5", 1)]:
    emit("printf", (fmt, arg), lambda: fmt % arg)

fmts = ["{}", "{} {}", "{0} {1} {0}", "{a}", "{a} {b}", "{a[0]}", "{a[k]}", "{0[1]}", "{0.real}", "{0.x}", "{:>5}", "{:{}}", "{:{w}}", "{!r}", "{!s:>6}", "{!a}", "{!x}", "{!}", "{!r", "{!rr}", "{", "}", "{{}}", "{{{}}}", "}}", "{0", "{0}{}", "{}{0}", "{:{:{}}}", "{0[}", "{0[]}", "{0.}",
        "{.real}", "{[0]}", "{0[0]x}", "{-1}", "{ }", "{0 }", "{99999999999999999999}", "{0[99999999999999999999]}", "{:}}", "{a:{{}}}", "{0:%Y}", "{0[a][b]}", "{0[-1]}", "{a.b}", "{7}", "{:d}", "{:,}", "{:.2f}", "{0:{1}}", "{0!r:{1}}", "x{}y{}z", "{a!r}", "{0:}", "{:\u00e9>4}", "{0[0].real}", "{a{}}", "{:{}{}}"]
argsets = [((), {}), ((1,), {}), ((5, 7), {}), (("x", 6), {}), (([1, 2],), {}), (({"a": {"b": 7}, "k": 1},), {}), ((), {"a": 1}), ((), {"a": [1], "b": 2}), ((1,), {"a": {"k": "v"}, "w": 4}), ((1, "<", 5), {"w": 3})]
for fmt in fmts:
    for a, k in argsets:
        emit("strformat", (fmt, a, k), lambda: fmt.format(*a, **k))
    emit("formatmap", (fmt, {"a": 1, "0": 2}), lambda: fmt.format_map({"a": 1, "0": 2}))

docs = [None, True, 1, 1.0, 1e16, 1e-7, 10**30, "x", "\u00e9\u2028\U0001f600\x00\"\\/\b\f\n\r\t\x7f", [], {}, [1, [2, [3]]], {"a": [], "b": {}}, {"b": 1, "a": [1, {"c": None}]}, (1, 2), {1: 2, None: 3, True: 4, 2.5: 5}, {(1,): 2}, {1}, b"x", [1e999], {"b": 1, 1: 2}, "\ud83d"]
for d in docs:
    for ind in (None, 0, 2, 4, "\t"):
        for sk in (False, True):
            for asc in (True, False):
                if rnd.random() < 0.6:
                    emit("dumps", (d, ind, sk, asc), lambda: json.dumps(d, indent=ind, sort_keys=sk, ensure_ascii=asc))
    emit("dumpsep", (d, ",", ":"), lambda: json.dumps(d, separators=(",", ":")))
for t in ["", " ", "1", "-1", "-", "01", "1.5", "1.", ".5", "1e5", "1E+5", "1e", "-0", "-0.0", "1e999", "NaN", "-Infinity", "Infinity", "null", "nul", "true", "True", '"a"', '"a', '"\\u00e9"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\x"', '"\\u12"', '"\n"', "'a'", "[", "[1", "[1,", "[1,]", "[1 2]", "[]", "[ ]",
          "{", '{"a"', '{"a":', '{"a":1', '{"a":1,}', '{"a" 1}', "{a:1}", "{1:2}", '{"a":1,"a":2}', '{"b":1,"a":[1,{"c":null}]}', "1 2", "[1] x", ' {"a" : 1 } ', "\ufeff1", "[1\n,2\n x]", "9" * 30, '"\\/"', "[" * 20 + "]" * 20, "1_0", "0x1", "--1", "+1", "tru", "{}{}", '"\t"', "[,1]", '{,"a":1}', '{"a":,}', "\u00e9", '{"\u00e9": x}']:
    emit("loads", (t,), lambda: json.loads(t))

lits = ["1+2j", "1.0-2j", "-1j", "2j+1", "-1+0j", "1j", "1+2", "-1", "--1", "+5", "~1", "not True", "'a' 'b'", "b'a' b'b'", "'a' b'b'", "[1,2,]", "(1)", "(1,)", "()", "{}", "{1,2}", "{1:2,}", "set()", "set( )", "frozenset()", "None", "true", "x", "a.b", "f'x'", "r'\\n'", "u'a'", "'\\x41\\u0041\\N{DIGIT ONE}\\101\\q'", "'''a\nb'''", "0x1F", "0o17", "0b11", "1_000", "1__0",
        "01", "00", "1.", "1.e5", ".5", "1e5", "1E+5", "1 2", "[1", "'abc", "", "  1", "\t1", " [1,\n 2]", "1\n", "1;2", "...", "Ellipsis", "True", "[1,*[2]]", "{**{}}", "1 if True else 2", "(1,2)[0]", "-'a'", "{[]:1}", "{[]}", "1,2", "1,", "'a'*3", "10**5", "1-2", "'\\ud800'", "b'\\xff'", "rb'\\n'", "Rb'a'", "bR'a'", "ur'a'", "'\\\n'", "#c\n1", "1#c", "(\n1\n)",
        "lambda:1", "yes", "null", "'a\nb'", "{'a':1, **{}}", "__import__('os')", "0777", "1e999", "-1e999", "1if 1 else 2", "0xg", "0_0", "1_", "0x_f", "'\\u00'", "'\\N{foo}'", "'\\x4'", "b'\\x4'", "{1:2,3}", "{1,2:3}", "{,}", "[,]", "(,)", "1 + 2", "u'a' 'b'", "'a'\n'b'", "('a'\n'b')", "1_0.0_1", "1e1_0", "0b1_0", "0b", "0b2", "\u0663", "'\\777'", "b'\\777'", "\u00e9", "$", "?", "a b",
        "{'a' 'b'}", "{'a': }", "'a' 1", "\x0c1", "[x for x in y]", "{x:1 for x in y}", "(x for x in y)", "a<b", "a not in b", "a is not b", "f(x)", "f(x, y=1)", "a[1:2]", "a[1:2,3]", "1 if 2", "a and b or c", "-x", "- 1", "+ 1.5", "(-1)", "[-1, +2]", "-(1)", "{'a': -1}", "1..real", "a=1", "[1 2]", "{1 2}", "foo bar", "hello, world", "key: value", "hello world!", "50%", "a@b.com", "http://x", "2020-01-02", "10.0.0.1", "/etc", "()()", "b''", "''", "''''''", "[[[[]]]]",
        "(((1)))", "{1: {2: {3: 4}}}", "True and", "if", "None.x", "a:=1", "(a:=1)", "*a", "**a", "a,*b", "yield", "(yield)", "await x", "\"it's\"", "'it\\'s'", "[1,\n\n2]", "1 # c\n", "\n\n1", "{'x': [1, (2, 3), {4}], 'y': None}"]
for t in lits:
    emit("literal", (t,), lambda: ast.literal_eval(t))

for name, args in [("decode", ()), ("decode", ("latin-1",)), ("decode", ("ascii",)), ("decode", ("utf-8", "replace")), ("decode", ("utf-8", "ignore")), ("decode", ("utf-8", "backslashreplace")), ("decode", ("foo",)), ("decode", ("utf-16",)), ("decode", ("cp1252", "replace")), ("hex", ()), ("hex", (":",)), ("hex", (":", 2)), ("hex", (":", -2)), ("upper", ()), ("lower", ()), ("capitalize", ()), ("strip", ()), ("split", ()), ("split", (None, 1)), ("rsplit", (None, 1)), ("split", (b" ",)), ("find", (b"a",)), ("count", (b"",)), ("replace", (b"a", b"bb")), ("replace", (b"", b"-")),
                   ("replace", (b"", b"-", 2)), ("startswith", (b"a",)), ("endswith", ((b"a", b"b"),)), ("partition", (b" ",)), ("rpartition", (b" ",)), ("center", (7, b"*")), ("ljust", (6,)), ("rjust", (4,)), ("center", (5, "x")), ("zfill", (6,)), ("title", ()), ("swapcase", ()), ("istitle", ()), ("splitlines", ()), ("splitlines", (True,)), ("isdigit", ()), ("isalpha", ()), ("isupper", ()), ("islower", ()), ("isspace", ()), ("join", ([b"1", b"2"],)), ("join", (["a"],)), ("removeprefix", (b"a",)), ("index", (b"zz",)), ("find", (97,)), ("find", ("a",)), ("strip", (b"ab",))]:
    for b in (b"", b"abc", b" a b  c ", b"\xe2\x82\xac", b"\xff\xfe", b"a\xe2\x82b", b"A\x00\x9f", b"\xf0\x9f\x98", b"12", b"-7", b"a\nb\r\nc\r", b"Ab Cd"):
        emit("m:" + name, (b,) + args, lambda: getattr(b, name)(*args))
for s in ("abc", "\u00e9\u20ac\U0001f600", "\ud800x"):
    for enc in ("utf-8", "UTF8", "ascii", "latin-1", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp1252", "foo", "base64"):
        for err in ("strict", "ignore", "replace", "xmlcharrefreplace", "backslashreplace"):
            emit("m:encode", (s, enc, err), lambda: s.encode(enc, err))

import datetime as dt

zones = [None, dt.timezone.utc, dt.timezone(dt.timedelta(hours=2)), dt.timezone(dt.timedelta(hours=-5, minutes=-30))]


def moment(a):
    *parts, offset = a
    return dt.datetime(*parts, tzinfo=None if offset is None else dt.timezone(dt.timedelta(seconds=offset)))


stamps = [(2015, 1, 2, 0, 0, 0, 0, None), (2015, 1, 2, 13, 4, 5, 678900, 0), (1999, 12, 31, 23, 59, 59, 999999, 7200), (2020, 2, 29, 12, 0, 0, 1, -19800), (1, 1, 1, 0, 0, 0, 0, None), (9999, 12, 31, 23, 59, 59, 0, None), (2024, 12, 30, 1, 0, 0, 0, 0), (1970, 1, 1, 0, 0, 0, 0, 0)]
for a in stamps:
    d = moment(a)
    for name in "year month day hour minute second microsecond".split():
        emit("dattr:" + name, (a,), lambda: getattr(d, name))
    for name in "ctime date isocalendar isoformat isoweekday toordinal tzname utcoffset weekday".split():
        emit("dt:" + name, (a,), lambda: str(tuple(getattr(d, name)()) if name == "isocalendar" else getattr(d, name)()))
    emit("dt:timestamp", (a,), lambda: str(d.replace(tzinfo=d.tzinfo or dt.timezone.utc).timestamp()))
    emit("dtrepr", (a,), lambda: repr(d) + str(d))
    for f in "aAbBcCdDeFgGHIjklmMnpPrRsStTuUVwWxXyYzZ%fQ":
        if f == "s" and a[-1] is None:
            continue
        emit("dt:strftime", (a, "<%" + f + ">"), lambda: str(d.strftime("<%" + f + ">")))
    for f in ("%-d/%-m/%Y", "%_d", "%^a", "%#p", "%Y%", "%H:%M:%S.%f %z", "%05d", "", "abc"):
        emit("dt:strftime", (a, f), lambda: str(d.strftime(f)))
    for spec in ("auto", "hours", "minutes", "seconds", "milliseconds", "microseconds", "x"):
        emit("dt:isoformat", (a, " ", spec), lambda: str(d.isoformat(" ", spec)))
    for us in (0, 1, -1, 86400 * 10**6, -86400 * 10**6 * 400, 3 * 10**12, 10**18):
        emit("dtshift", (a, us), lambda: str(d + dt.timedelta(microseconds=us)))
    for c in stamps:
        emit("dtdiff", (a, c), lambda: str(d - moment(c)))
        emit("dtless", (a, c), lambda: d < moment(c))
        emit("dtequal", (a, c), lambda: d == moment(c))
spans = [0, 1, -1, 10**6, 61 * 10**6, 86400 * 10**6, -86400 * 10**6, 90061 * 10**6 + 5, -90061 * 10**6 - 5, 10**15, -(10**13) + 7]
for us in spans:
    t = dt.timedelta(microseconds=us)
    emit("tdrepr", (us,), lambda: str(t) + repr(t))
    for name in ("days", "seconds", "microseconds"):
        emit("tdattr:" + name, (us,), lambda: getattr(t, name))
    for n in (0, 1, 3, -2, 0.5, 2.5, -0.1, 1e999, True, "x", None):
        for op in ("*", "/", "//", "%", "+"):
            emit("tdnum:" + op, (us, n), lambda: str({"*": lambda: t * n, "/": lambda: t / n, "//": lambda: t // n, "%": lambda: t % n, "+": lambda: t + n}[op]()))
    for u in spans:
        v = dt.timedelta(microseconds=u)
        for op in ("+", "-", "/", "//", "%"):
            emit("tdtd:" + op, (us, u), lambda: str({"+": lambda: t + v, "-": lambda: t - v, "/": lambda: t / v, "//": lambda: t // v, "%": lambda: t % v}[op]()))

for name, args, kw in [("split", (), {"sep": "b"}), ("split", (), {"maxsplit": 1}), ("split", ("b",), {"sep": "b"}), ("split", (), {"x": 1}), ("split", ("b",), {"maxsplit": 0}), ("split", ("b", 1), {"sep": 2}), ("splitlines", (), {"keepends": True}), ("encode", (), {"errors": "ignore"}), ("encode", (), {"encoding": "ascii", "errors": "replace"}), ("expandtabs", (), {"tabsize": 2}),
                       ("upper", (), {"x": 1}), ("replace", ("a", "b"), {"count": 1}), ("strip", (), {"chars": "a"}), ("join", (), {"x": 1}), ("rsplit", (), {"maxsplit": 1, "sep": "b"}), ("find", ("a",), {"x": 1}), ("center", (5,), {"fillchar": "*"})]:
    emit("kw:" + name, ("a b\tcab", args, kw), lambda: getattr("a b\tcab", name)(*args, **kw))
for args, kw in [((), {"reverse": True}), ((), {"key": None}), ((), {"key": 1}), ((1,), {}), ((), {"x": 1}), ((), {"reverse": "a"}), ((1, 2, 3), {})]:
    def call():
        c = [3, 1, 2]
        return (c.sort(*args, **kw), c)
    emit("kwm:sort", ([3, 1, 2], args, kw), call)
for args, kw in [(({"a": 2},), {"b": 3}), ((), {"z": 1}), ((1,), {"b": 3}), (({}, {}), {}), (([("k", 1)],), {"k": 2})]:
    def call():
        c = {"a": 1}
        return (c.update(*args, **kw), c)
    emit("kwm:update", ({"a": 1}, args, kw), call)

for op, lines in cases.items():
    most = {"literal": 300, "format": 700, "printf": 400, "strformat": 400, "repr": 200, "setorder": 60, "loads": 200, "dumps": 150, "int": 250, "round": 150, "dt:strftime": 250}.get(op, 60)
    if "all" not in sys.argv:
        keep = set(rnd.sample(range(len(lines)), min(most, len(lines))))
        lines = [l for i, l in enumerate(lines) if i in keep]
    for line in lines:
        print(line)
