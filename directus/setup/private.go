package setup

import "context"

// private makes the collection of messages between two users. Nobody else must be able to
// read them: if Directus cannot grant that, private makes the collection only if the operator
// has accepted it.
func (r *run) private(ctx context.Context) error {
	concerned := rule{collection: privateCollection, action: "read", fields: []string{"*"},
		items: object{"_or": []object{own("user_created"), own(recipientField)}}}
	if open, err := r.wouldBeOpen(ctx, concerned); err != nil || open {
		return err
	}
	letters := talk{privateCollection, "integer", "text", concerned.items}
	inspect := func(fields []field) {
		for _, f := range fields {
			if f.is("is_primary_key") {
				letters.keyType = f.keyType()
			}
		}
	}
	good, err := r.keep(ctx, store{name: privateCollection, instead: renameCollection, icon: "forum", note: "Chat messages between two people", inspect: inspect, parts: []part{
		{body: textField("text"), check: checkText},
		toUsers(authorField("user_created"), checkAuthor),
		toUsers(object{"field": recipientField, "type": "uuid", "schema": object{},
			"meta": object{"special": []string{"m2o"}, "interface": "select-dropdown-m2o",
				"options": object{"template": "{{first_name}} {{last_name}}"}, "display": "user"}}, checkRecipient),
		{body: dateField("date_created"), check: checkDate},
		{body: nonceField("nonce"), check: checkNonce},
		kindPart(),
	}})
	if err != nil {
		return err
	}
	if good("nonce") { // the daemon writes a nonce into each private message
		r.report.private = privateCollection
	}
	if good(kindField) {
		r.report.privateKind = kindField
	}
	if err := r.permit(ctx, privateCollection, "create"); err != nil {
		return err
	}
	if err := r.permitOwn(ctx, "read all private messages", concerned); err != nil {
		return err
	}
	if r.opts.Reactions {
		if r.report.privateReactions, err = r.reactionsTo(ctx, letters); err != nil {
			return err
		}
	}
	if !r.opts.Edit {
		return nil
	}
	return r.permitOwn(ctx, "change and delete the private messages of everybody",
		rule{collection: privateCollection, action: "update", fields: []string{"text"}, items: own("user_created")},
		rule{collection: privateCollection, action: "delete", fields: []string{"*"}, items: own("user_created")})
}

// wouldBeOpen reports whether everybody with the role could read private messages although
// the operator has not accepted that. If so, it adds a step that says it.
func (r *run) wouldBeOpen(ctx context.Context, concerned rule) (bool, error) {
	if r.opts.PrivateReadable {
		return false, nil
	}
	const what = "private messages"
	existing, err := r.permitted(ctx, concerned)
	if err != nil {
		return false, err
	}
	if existing.present && !existing.partial {
		r.report.add(Step{What: what, Status: Differs,
			Detail: "everybody with the role may read all of them over the Directus API",
			Fix:    "restrict the permission to read " + privateCollection + " to sender and recipient in the Directus app, which needs a licence on Directus 12, or accept it with --private-readable"})
		return true, nil
	}
	licensed, err := r.licensed(ctx)
	if err != nil || licensed {
		return false, err
	}
	r.report.add(Step{What: what, Status: Differs,
		Detail: "left out: this Directus has no licence for permissions on single items, so everybody with the role could read all private messages over the Directus API",
		Fix:    "add a licence key, or accept it with --private-readable"})
	return true, nil
}

func checkRecipient(f field) finding {
	if !f.holdsUUID() {
		return finding{Differs, "it is of type " + f.Type + ", not uuid", "rename it in the Directus app, so that setup can make another one"}
	}
	return finding{}
}
