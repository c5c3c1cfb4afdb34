package value

import "math"

// Python's ** on floats is the C library's pow, which rounds correctly in all
// but one case in thousands; math.Pow is off in the last digit much more often,
// and the last digit shows in repr. So powers that are not trivial are computed
// in pairs of floats with about 100 bits.

// pair is the unevaluated sum hi + lo.
type pair struct{ hi, lo float64 }

func twoSum(a, b float64) pair {
	s := a + b
	t := s - a
	return pair{s, (a - (s - t)) + (b - t)}
}

func (x pair) add(y pair) pair {
	s := twoSum(x.hi, y.hi)
	s.lo += x.lo + y.lo
	return twoSum(s.hi, s.lo)
}

func (x pair) mul(y pair) pair {
	p := x.hi * y.hi
	e := math.FMA(x.hi, y.hi, -p) + x.hi*y.lo + x.lo*y.hi
	return twoSum(p, e)
}

func (x pair) scale(f float64) pair { return pair{x.hi * f, x.lo * f} }

var ln2 = pair{0.6931471805599453, 2.3190468138462996e-17}

// exp returns e**x as m * 2**k.
func (x pair) exp() (m pair, k int) {
	k = int(math.Round(x.hi / ln2.hi))
	r := x.add(ln2.mul(pair{-float64(k), 0})).scale(1.0 / 512)
	// exp(r)-1 by its series, then squared nine times.
	sum, term := r, r
	for n := 2.0; n <= 10; n++ {
		term = term.mul(r)
		term = term.div(n)
		sum = sum.add(term)
	}
	for range 9 {
		sum = sum.scale(2).add(sum.mul(sum))
	}
	return sum.add(pair{1, 0}), k
}

func (x pair) div(f float64) pair {
	q := x.hi / f
	r := math.FMA(-q, f, x.hi) + x.lo
	return twoSum(q, r/f)
}

// logPair returns the natural logarithm of x > 0.
func logPair(x float64) pair {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = m*2, e-1
	}
	// One Newton step from the rounded logarithm doubles its digits.
	y := math.Log(m)
	p, k := pair{-y, 0}.exp()
	d := p.mul(pair{math.Ldexp(m, k), 0}).add(pair{-1, 0})
	l := pair{y, 0}.add(d).add(d.mul(d).scale(-0.5))
	return ln2.mul(pair{float64(e), 0}).add(l)
}

// pow is math.Pow, correctly rounded where CPython's is.
func pow(x, y float64) float64 {
	r := math.Pow(x, y)
	ax := math.Abs(x)
	if x == 0 || y == 0 || y == 1 || ax == 1 || math.IsNaN(r) || math.IsInf(x, 0) || math.IsInf(y, 0) {
		return r
	}
	if y == 0.5 {
		return math.Sqrt(x)
	}
	l := logPair(ax).mul(pair{y, 0})
	if l.hi > 710 || l.hi < -746 {
		return r
	}
	m, k := l.exp()
	exact := math.Ldexp(m.hi+m.lo, k)
	return math.Copysign(exact, r)
}
