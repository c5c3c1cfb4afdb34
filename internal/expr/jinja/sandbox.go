package jinja

import (
	"slices"
	"strings"

	"squall/internal/expr/value"
)

// The sandbox refuses every attribute that starts with an underscore and a few
// internals besides. Whether such an attribute exists at all decides between
// the SecurityError and an ordinary undefined value, so the names Python's
// types have are listed here (CPython 3.11, without the underscores).

const objectAttrs = " class delattr dir doc eq format ge getattribute getstate gt hash init init_subclass le lt ne new reduce reduce_ex repr setattr sizeof str subclasshook "

const (
	intAttrs      = " abs add and bool ceil divmod float floor floordiv getnewargs index int invert lshift mod mul neg or pos pow radd rand rdivmod rfloordiv rlshift rmod rmul ror round rpow rrshift rshift rsub rtruediv rxor sub truediv trunc xor "
	setAttrs      = " and class_getitem contains iter len or rand ror rsub rxor sub xor "
	functionAttrs = " annotations builtins call closure code defaults dict get globals kwdefaults module name qualname "
	classAttrs    = " module dict weakref " // of instances of classes written in Python
)

var typeAttrs = map[string]string{
	"NoneType":                   " bool ",
	"bool":                       intAttrs,
	"int":                        intAttrs,
	"float":                      " abs add bool ceil divmod float floor floordiv getformat getnewargs int mod mul neg pos pow radd rdivmod rfloordiv rmod rmul round rpow rsub rtruediv sub truediv trunc ",
	"str":                        " add contains getitem getnewargs iter len mod mul rmod rmul ",
	"Markup":                     " add contains getitem getnewargs iter len mod mul rmod rmul html html_format radd module slots ",
	"list":                       " add class_getitem contains delitem getitem iadd imul iter len mul reversed rmul setitem ",
	"tuple":                      " add class_getitem contains getitem getnewargs iter len mul rmul ",
	"dict":                       " class_getitem contains delitem getitem ior iter len or reversed ror setitem ",
	"set":                        setAttrs + " iand ior isub ixor ",
	"frozenset":                  setAttrs,
	"bytes":                      " add bytes contains getitem getnewargs iter len mod mul rmod rmul ",
	"function":                   functionAttrs,
	"builtin_function_or_method": " call module name qualname self text_signature ",
	"method":                     functionAttrs + " func self ",
	"generator":                  " del iter name next qualname ",
	"type":                       " abstractmethods annotations base bases basicsize call dict dictoffset flags instancecheck itemsize module mro name or prepare qualname ror subclasscheck subclasses text_signature weakref weakrefoffset ",
	"range":                      " bool contains getitem iter len reversed ",
	"datetime":                   " add radd rsub sub ",
	"date":                       " add radd rsub sub ",
	"timedelta":                  " abs add bool divmod floordiv mod mul neg pos radd rdivmod rfloordiv rmod rmul rsub rtruediv sub truediv ",
	"dict_keys":                  " and contains iter len or rand reversed ror rsub rxor sub xor ",
	"dict_items":                 " and contains iter len or rand reversed ror rsub rxor sub xor ",
	"dict_values":                " iter len reversed ",
	"Undefined":                  undefinedAttrs,
	"StrictUndefined":            undefinedAttrs + " contains ",
	"LoopContext":                classAttrs + " iter next len call ",
	"Macro":                      classAttrs + " call ",
	"Cycler":                     classAttrs + " next ",
	"Joiner":                     classAttrs + " call ",
	"TemplateReference":          classAttrs + " getitem ",
	"TemplateModule":             classAttrs + " html name ",
	"BlockReference":             classAttrs + " call ",
	"KeyValueLookup":             classAttrs + " getitem int float ",
	"UserKeyValueLookup":         classAttrs + " getitem int float ",
}

const undefinedAttrs = " add aiter bool call complex div float floordiv getattr getitem int iter len mod module mul neg pos pow radd rdiv rfloordiv rmod rmul rpow rsub rtruediv slots sub truediv rdiv "

// underscorer is implemented by objects with private attributes.
type underscorer interface{ underscored() []string }

// hasPrivate reports whether Python's object has the attribute, whose name
// starts with an underscore.
func hasPrivate(v any, name string) bool {
	if o, ok := v.(underscorer); ok && slices.Contains(o.underscored(), name) {
		return true
	}
	if isUndefined(v) {
		switch name {
		case "_undefined_hint", "_undefined_obj", "_undefined_name", "_undefined_exception", "_undefined_message", "_fail_with_undefined_error":
			return true
		}
	}
	if n, ok := v.(*namespace); ok {
		// A namespace answers for its own content only, and for its class.
		_, own := n.attrs.GetStr(name)
		return own || name == "__class__" || name == "_Namespace__attrs"
	}
	if isKVPrivate(v, name) {
		return true
	}
	if !isDunder(name) {
		return false
	}
	key := " " + name[2:len(name)-2] + " "
	return strings.Contains(objectAttrs, key) || strings.Contains(typeAttrs[className(v)], key)
}

// className is type(v).__name__: the class without its module.
func className(v any) string {
	name := value.TypeName(v)
	return name[strings.LastIndexByte(name, '.')+1:]
}

// internalAttr lists public names that lead to the internals of an object.
func internalAttr(v any, name string) bool {
	switch name {
	case "mro":
		return className(v) == "type"
	case "gi_frame", "gi_code":
		return className(v) == "generator"
	}
	return false
}

// unsafeAttr is what a refused attribute gives: an undefined value whose use is
// a SecurityError.
func (m *machine) unsafeAttr(obj any, name string) *undefined {
	class := className(obj)
	if t, ok := obj.(value.Tuple); ok && m.isGroup(t) {
		class = "_GroupTuple"
	}
	u := m.env.undefinedHint("access to attribute " + reprString(name) + " of " + reprString(class) + " object is unsafe.")
	u.unsafe, u.obj, u.hasObj, u.name = true, obj, true, name
	return u
}

// formatMethod is str.format or str.format_map with every lookup inside the
// format going through the sandbox.
func (m *machine) formatMethod(obj any, name string) any {
	text, _ := plainString(obj)
	_, safe := obj.(value.Markup)
	return &value.Func{Name: name, Type: "function", Fn: func(args []any, kw *value.Kwargs) (any, error) {
		var mapping any
		if name == "format_map" {
			if kw.Len() > 0 {
				return nil, value.TypeErrorf("format_map() takes no keyword arguments")
			}
			if len(args) != 1 {
				return nil, value.TypeErrorf("format_map() takes exactly one argument (%d given)", len(args))
			}
			mapping, args = args[0], nil
		}
		return m.format(text, safe, args, kw, mapping)
	}}
}

// fieldResolver looks up the fields of str.format under the sandbox's rules.
type fieldResolver struct{ m *machine }

func (r fieldResolver) FieldAttr(obj any, name string) (any, error) { return r.m.getattr(obj, name) }
func (r fieldResolver) FieldItem(obj, key any) (any, error)         { return r.m.getitem(obj, key) }

func (m *machine) format(text string, safe bool, args []any, kw *value.Kwargs, mapping any) (any, error) {
	f := value.Formatter{Budget: m.b, Args: args, Kwargs: kw, Mapping: mapping, Resolver: fieldResolver{m}, Escape: safe}
	s, err := f.Run(text)
	if err != nil {
		return nil, formatError(err)
	}
	if safe {
		return value.Markup(s), nil
	}
	return s, nil
}

// formatError words errors as the sandbox's own formatter does: it takes
// positional arguments from a tuple, even for format_map.
func formatError(err error) error {
	msg := value.MessageOf(err)
	if value.IsClass(err, "IndexError") && strings.HasPrefix(msg, "Replacement index") ||
		value.IsClass(err, "ValueError") && msg == "Format string contains positional fields" {
		return value.IndexErrorf("tuple index out of range")
	}
	if msg == "cannot switch from automatic field numbering to manual field specification" {
		return value.ValueErrorf("cannot switch from manual field specification to automatic field numbering")
	}
	return err
}
