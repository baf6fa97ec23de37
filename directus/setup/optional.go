package setup

import (
	"context"
	"errors"
	"fmt"

	"directus-ircd/directus"
)

// Names of the collections and fields of the optional pieces.
const (
	privateCollection = "private_messages"
	markersCollection = "read_markers"
	reactionsSuffix   = "_reactions" // behind the name of the collection of the messages
	replyField        = "reply_to"
	fileField         = "file"
	recipientField    = "recipient"
	kindField         = "irc_kind"
)

// renameCollection is what to do about a collection that has the name of an optional one and holds no items.
const renameCollection = "rename it in the Directus app, so that setup can make the collection"

// reactionLength is the length of the text of a reaction, in characters.
const reactionLength = 64

// piece is a part of the chat that is made on request, with its permissions.
type piece struct {
	wanted bool
	flag   string
	make   func(context.Context) error
}

// optional makes the optional pieces that the options ask for, but the rooms.
func (r *run) optional(ctx context.Context) error {
	for _, p := range []piece{
		{r.opts.Replies, "--replies", r.replies},
		{r.opts.Files, "--files", r.files},
		{r.opts.Edit, "--edit", r.edit},
		{r.opts.Reactions, "--reactions", r.reactions},
		{r.opts.Private, "--private", r.private},
		{r.opts.ReadMarkers, "--read-markers", r.markers},
	} {
		if err := r.piece(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// piece makes a piece if it is wanted. If it cannot be used, it is left out of the configuration.
func (r *run) piece(ctx context.Context, p piece) error {
	if !p.wanted {
		return nil
	}
	before := r.report
	err := p.make(ctx)
	if err != nil && !isRefusal(err) {
		return err
	}
	if err != nil {
		r.report.add(Step{What: "what " + p.flag + " asks for", Status: Differs, Detail: "Directus refused the " + err.Error(),
			Fix: "run setup with " + p.flag + " again when that is mended; all the rest can be used"})
	}
	added := r.report.Steps[len(before.Steps):]
	for i := range added {
		added[i].optional = true
	}
	if differs(added) {
		before.Steps, before.Notes = r.report.Steps, r.report.Notes
		before.LeftOut = append(before.LeftOut, p.flag)
		r.report = before
	}
	return nil
}

// isRefusal reports whether Directus has refused something, which says nothing about what else is asked for.
func isRefusal(err error) bool {
	_, answered := errors.AsType[*directus.Error](err)
	return answered && !errors.Is(err, directus.ErrUnavailable)
}

// own matches the items whose field holds the current user.
func own(field string) object { return object{field: object{"_eq": "$CURRENT_USER"}} }

// talk is a collection of messages, as what points to them needs to know it.
type talk struct {
	collection, keyType, text string
	readers                   object // filter of the messages that one may read; nil: all
}

// said are the messages of the channel.
func (r *run) said() talk { return talk{r.opts.Collection, r.keyType, r.opts.Fields.Text, nil} }

// item is a field that points to a message.
func (t talk) item(name, onDelete string) part {
	return part{target: t.collection, onDelete: onDelete, check: checkAny, body: object{
		"field": name, "type": t.keyType, "schema": object{},
		"meta": object{"special": []string{"m2o"}, "interface": "select-dropdown-m2o",
			"options": object{"template": "{{" + t.text + "}}"}, "display": "related-values"},
	}}
}

// toUsers is a field that points to a user.
func toUsers(body object, check func(field) finding) part {
	return part{body: body, check: check, target: "directus_users", onDelete: "SET NULL"}
}

func checkAny(field) finding { return finding{} }

func (r *run) replies(ctx context.Context) error {
	good, err := r.parts(ctx, store{name: r.opts.Collection, parts: []part{r.said().item(replyField, "SET NULL")}}, true)
	if err == nil && good(replyField) {
		r.report.fields.Reply = replyField
	}
	return err
}

func (r *run) files(ctx context.Context) error {
	good, err := r.parts(ctx, store{name: r.opts.Collection, parts: []part{{
		target: "directus_files", onDelete: "SET NULL", check: checkAny,
		body: object{"field": fileField, "type": "uuid", "schema": object{},
			"meta": object{"special": []string{"file"}, "interface": "file", "display": "file"}},
	}}}, true)
	if err != nil {
		return err
	}
	if good(fileField) {
		r.report.fields.Files = fileField
	}
	r.report.note("the role may read the names and contents of all files of this Directus. If there are files that are not part of the chat, " +
		"restrict its permission to read directus_files to a folder. To upload files, users also need the permission to create " +
		"directus_files, which setup does not give them")
	return r.permit(ctx, "directus_files", "read")
}

// edit lets people change and delete their own messages.
func (r *run) edit(ctx context.Context) error {
	mine := own(r.opts.Fields.Author)
	r.report.corrections = true
	return r.permitOwn(ctx, "change and delete the messages of everybody",
		rule{collection: r.opts.Collection, action: "update", fields: []string{r.opts.Fields.Text}, items: mine},
		rule{collection: r.opts.Collection, action: "delete", fields: []string{"*"}, items: mine})
}

func (r *run) reactions(ctx context.Context) (err error) {
	r.report.reactions, err = r.reactionsTo(ctx, r.said())
	return err
}

// reactionsTo makes a collection of reactions to messages, which whoever may read those may read, and returns its name.
func (r *run) reactionsTo(ctx context.Context, t talk) (name string, err error) {
	name = t.collection + reactionsSuffix
	if _, err := r.keep(ctx, store{name: name, instead: renameCollection, icon: "add_reaction", note: "Reactions to chat messages", parts: []part{
		t.item("message", "CASCADE"),
		{body: object{"field": "text", "type": "string", "schema": object{"max_length": reactionLength}, "meta": object{"interface": "input"}}, check: holds(reactionLength)},
		toUsers(authorField("user_created"), checkAuthor),
		{body: dateField("date_created"), check: checkDate},
	}}); err != nil {
		return "", err
	}
	if err := r.permit(ctx, name, "create"); err != nil {
		return "", err
	}
	if t.readers == nil {
		err = r.permit(ctx, name, "read")
	} else {
		err = r.permitOwn(ctx, "read the reactions to all private messages", rule{collection: name, action: "read", fields: []string{"*"}, items: object{"message": t.readers}})
	}
	if err != nil {
		return "", err
	}
	return name, r.permitOwn(ctx, "remove the reactions of everybody",
		rule{collection: name, action: "delete", fields: []string{"*"}, items: own("user_created")})
}

func (r *run) markers(ctx context.Context) error {
	if _, err := r.keep(ctx, store{name: markersCollection, instead: renameCollection, icon: "done_all", note: "Up to which time each user has read the chat", parts: []part{
		{body: object{"field": "target", "type": "string", "schema": object{"max_length": 255}, "meta": object{"interface": "input"}}, check: holds(uuidLength)},
		{body: object{"field": "date_read", "type": "timestamp", "schema": object{}, "meta": object{"interface": "datetime"}}, check: checkTime},
		toUsers(authorField("user_created"), checkAuthor),
	}}); err != nil {
		return err
	}
	r.report.markers = markersCollection
	if err := r.permit(ctx, markersCollection, "create"); err != nil {
		return err
	}
	return r.permitOwn(ctx, "read and change the read markers of everybody",
		rule{collection: markersCollection, action: "read", fields: []string{"*"}, items: own("user_created")},
		rule{collection: markersCollection, action: "update", fields: []string{"date_read"}, items: own("user_created")})
}

// holds returns a check that a field is a text of at least n characters.
func holds(n int) func(field) finding {
	return func(f field) finding {
		found := checkText(f)
		if found.status == Limited && f.maxLength() >= n {
			return finding{}
		}
		if found.status == Limited {
			found.problem = fmt.Sprintf("it holds %d characters, but %d are needed", f.maxLength(), n)
			found.fix = "make it longer in the Directus app"
		}
		return found
	}
}

// checkTime checks that a field holds a time, with or without a zone. Directus need not fill it in.
func checkTime(f field) finding {
	if f.Type != "timestamp" && f.Type != "dateTime" {
		return finding{Differs, fmt.Sprintf("it is of type %s, not timestamp", f.Type), nameAnother("a timestamp")}
	}
	return finding{}
}
