package setup

import "context"

// nonceLength is the length of the nonce field, in characters.
const nonceLength = 64

type object = map[string]any

// messages is the collection of the messages.
func (r *run) messages() store {
	f := r.opts.Fields
	author := toUsers(authorField(f.Author), checkAuthor)
	author.special = "user-created"
	return store{name: r.opts.Collection, icon: "chat", note: "Chat messages",
		instead: "choose another name with --collection",
		inspect: func(fields []field) {
			r.inspectKey(fields)
			r.inspectRequired(fields)
		},
		parts: []part{
			{body: textField(f.Text), check: checkText, widen: r.opts.Widen},
			author,
			{body: dateField(f.Date), check: checkDate, special: "date-created"},
			{body: nonceField(f.Nonce), check: checkNonce,
				without: "when an answer is lost, the daemon has to look up whether the message was stored"},
			kindPart(),
		}}
}

// collection makes the collection of the messages, or inspects an existing one.
func (r *run) collection(ctx context.Context) error {
	good, err := r.keep(ctx, r.messages())
	if err != nil {
		return err
	}
	f := &r.report.fields
	for _, name := range []*string{&f.Text, &f.Author, &f.Date, &f.Nonce, &f.Kind} {
		if !good(*name) {
			*name = ""
		}
	}
	return nil
}

// These functions describe the fields as the guide "Build a multi-user chat" makes them, except that the text has no
// limit, and that the guide has no nonce.

func authorField(name string) object {
	return object{"field": name, "type": "uuid", "schema": object{},
		"meta": object{"special": []string{"user-created"}, "interface": "select-dropdown-m2o",
			"options": object{"template": "{{first_name}} {{last_name}}"}, "display": "user", "readonly": true}}
}

func dateField(name string) object {
	return object{"field": name, "type": "timestamp", "schema": object{},
		"meta": object{"special": []string{"date-created"}, "interface": "datetime", "display": "datetime", "readonly": true}}
}

func textField(name string) object {
	return object{"field": name, "type": "text", "schema": object{}, "meta": object{"interface": "input-multiline"}}
}

func nonceField(name string) object {
	return object{"field": name, "type": "string",
		"schema": object{"is_unique": true, "is_nullable": true, "max_length": nonceLength},
		"meta":   object{"hidden": true, "readonly": true, "note": "Chosen by the sender, so that a message sent twice is stored once"}}
}

// kindLength is the length of the kind field, in characters.
const kindLength = 32

// kindPart is the field that says which messages are notices.
func kindPart() part {
	return part{check: holds(len("notice")), without: "a NOTICE is an ordinary message when it is read again", body: object{"field": kindField, "type": "string",
		"schema": object{"is_nullable": true, "max_length": kindLength},
		"meta":   object{"hidden": true, "note": "notice: said by a bot, which others must not answer; empty: an ordinary message"}}}
}
