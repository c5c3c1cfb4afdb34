package jinja

import (
	"squall/internal/expr/value"
)

// getattr is obj.name in a template: the attribute, else the item.
func (m *machine) getattr(obj any, name string) (any, error) {
	if d, ok := obj.(*value.Dict); ok && name[0] != '_' && !isDictMethod(name) {
		// What nearly every template asks for.
		if v, ok := d.GetStr(name); ok {
			return v, nil
		}
		return m.env.undefinedAttr(obj, name), nil
	}
	v, ok, err := m.attribute(obj, name)
	if ok || err != nil {
		return v, err
	}
	v, err = value.GetItem(m.b, obj, name)
	if err == nil {
		return v, nil
	}
	if !isLookupFailure(err) {
		return nil, err
	}
	return m.noAttr(obj, name), nil
}

// getitem is obj[key] in a template: the item, else for a text the attribute.
func (m *machine) getitem(obj, key any) (any, error) {
	switch o := obj.(type) {
	case *value.Dict:
		v, ok, err := o.Lookup(key)
		if ok {
			return v, nil
		}
		if err != nil && !isLookupFailure(err) {
			return nil, err
		}
	case *value.List:
		if i, ok := key.(int64); ok && i >= 0 && i < int64(len(o.Items)) {
			return o.Items[i], nil
		}
		v, err := value.GetItem(m.b, obj, key)
		if err == nil || !isLookupFailure(err) {
			return v, err
		}
	default:
		v, err := value.GetItem(m.b, obj, key)
		if err == nil || !isLookupFailure(err) {
			return v, err
		}
	}
	if name, ok := plainString(key); ok {
		v, ok, err := m.attribute(obj, name)
		if ok || err != nil {
			return v, err
		}
	}
	return m.noAttr(obj, key), nil
}

// isLookupFailure reports whether the sandbox answers an error of obj[key] with
// an undefined value.
func isLookupFailure(err error) bool {
	return value.IsClass(err, "TypeError", "LookupError", "KeyError", "IndexError")
}

// attribute looks up an attribute under the rules of the sandbox. ok is false
// when the object has none of that name.
func (m *machine) attribute(obj any, name string) (v any, ok bool, err error) {
	if name == "" {
		return nil, false, nil
	}
	if name[0] == '_' {
		if t, ok := obj.(value.Tuple); hasPrivate(obj, name) || ok && groupPrivate[name] && m.isGroup(t) {
			return m.unsafeAttr(obj, name), true, nil
		}
		if o, isObject := obj.(value.Attrer); isObject {
			return o.Attr(name)
		}
		return nil, false, nil
	}
	switch o := obj.(type) {
	case value.Attrer:
		v, ok, err = o.Attr(name)
		if ok || err != nil {
			return v, ok, err
		}
	case string:
		if name == "format" || name == "format_map" {
			return m.formatMethod(obj, name), true, nil
		}
	case value.Markup:
		if name == "format" || name == "format_map" {
			return m.formatMethod(obj, name), true, nil
		}
	case value.Tuple:
		if v, ok := m.groupAttr(o, name); ok {
			return v, true, nil
		}
	}
	if internalAttr(obj, name) {
		return m.unsafeAttr(obj, name), true, nil
	}
	if _, own := obj.(value.Attrer); own {
		return nil, false, nil
	}
	return value.Attr(m.b, obj, name)
}

// noAttr is the value of an attribute or item that obj does not have.
func (m *machine) noAttr(obj, name any) any {
	u := m.env.undefinedAttr(obj, name)
	if t, ok := obj.(value.Tuple); ok && m.isGroup(t) {
		u.typ = "jinja2.filters._GroupTuple object"
	}
	return u
}

func isDictMethod(name string) bool {
	switch name {
	case "clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values":
		return true
	}
	return false
}

// markGroup remembers a (grouper, list) pair, whose parts also have names.
func (m *machine) markGroup(t value.Tuple) value.Tuple {
	if m.groups == nil {
		m.groups = make(map[*any]struct{})
	}
	m.groups[&t[0]] = struct{}{}
	return t
}

func (m *machine) isGroup(t value.Tuple) bool {
	if len(t) != 2 || m.groups == nil {
		return false
	}
	_, ok := m.groups[&t[0]]
	return ok
}

// groupPrivate are the attributes of named tuples that plain ones do not have.
var groupPrivate = map[string]bool{
	"_asdict": true, "_field_defaults": true, "_fields": true, "_make": true, "_replace": true,
	"__match_args__": true, "__module__": true, "__slots__": true,
}

func (m *machine) groupAttr(t value.Tuple, name string) (any, bool) {
	if name != "grouper" && name != "list" || !m.isGroup(t) {
		return nil, false
	}
	if name == "grouper" {
		return t[0], true
	}
	return t[1], true
}
