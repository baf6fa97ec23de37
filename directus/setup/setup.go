// Package setup makes what a chat over IRC needs in a Directus: a collection for the messages, and a role whose
// holders may read and write it. The guide "Build a multi-user chat" makes the same by hand. The package works on
// Directus 10, 11 and 12, the latter with and without a licence. The setup command, the demo and tests call it, as an
// administrator.
//
// Everything it makes has a fixed id or name, so that a second run finds the work of the first. It adds what is
// missing and overwrites nothing: what exists and does not fit is reported, with what to do about it.
package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"directus-ircd/directus"
)

// Ids of what Run makes. They are the same in every Directus. A later run recognises these objects by the id, because
// their names need not be unique.
const (
	// RoleID is the role to give to the people who chat.
	RoleID   = "7c5b1d5e-3a7e-4c0b-9f0a-1d5c6f2e8a01"
	policyID = "7c5b1d5e-3a7e-4c0b-9f0a-1d5c6f2e8a02"
)

// Account makes calls as an administrator; *directus.Account implements it. Do sends body as JSON and decodes the
// "data" of the answer into out. Its error wraps a *directus.Error if Directus refused.
type Account interface {
	Do(ctx context.Context, method, path string, query url.Values, body, out any) error
}

// Fields names the fields of the collection. Directus fills in Date and Author.
type Fields struct {
	Text   string `yaml:"text"`
	Author string `yaml:"author"`
	Date   string `yaml:"date"`
	Nonce  string `yaml:"nonce"`          // unique and chosen by the sender, which makes sending idempotent
	Kind   string `yaml:"kind,omitempty"` // says which messages are notices
	// Reply and Files are set only in a Report.
	Reply string `yaml:"reply,omitempty"` // the message that this one answers
	Files string `yaml:"files,omitempty"`
}

// Options says what Run makes. The zero value is the common case.
type Options struct {
	// Collection for the messages. Default: "messages".
	Collection string
	// Role is the name of the role and of its policy. Empty: the name of the role that an earlier run made, or "IRC users".
	// If that has another name, or somebody else made a role or policy of this name, Run fails before it changes anything.
	Role string
	// AttachRoles and AttachUsers get the permissions beside what they have: existing roles by name or id, and users by
	// e-mail address, name or id. Then Run makes no role of its own. Directus 10 can give them to one role.
	AttachRoles, AttachUsers []string
	// Fields of the collection. Defaults: text, user_created, date_created, nonce.
	Fields Fields
	// NickFields are the fields of directus_users from which nicks are made. The role may read them of every user.
	// Default: first_name, last_name.
	NickFields []string
	// UsersNarrow never lets the role read all fields of directus_users, which include the e-mail address. Directus 12
	// without a licence cannot grant less than all; people then see only each other's ids.
	UsersNarrow bool
	// Extend adds the fields that an existing collection lacks, and the relation to the users for an author field that is
	// not a uuid. A uuid field that Directus fills in with the author gets the relation without Extend. An author field
	// that Directus does not fill in never gets it.
	Extend bool
	// Widen makes a short text field of an existing collection a text.
	Widen bool
	// Replies adds a field for the message that a message answers.
	Replies bool
	// Files adds a field for a file, and lets the role read files.
	Files bool
	// Edit lets people change and delete their own messages. On Directus 12 without a licence, which cannot grant less, they
	// may then change and delete the messages of everybody.
	Edit bool
	// Reactions makes a collection for reactions, and with Private another for those to private messages.
	Reactions bool
	// Rooms makes a collection of rooms, and lets each message be in one. Directus 12 without a licence cannot grant rights on
	// single rooms: all of them are then open to everybody with the role.
	Rooms bool
	// ReadMarkers makes a collection for read markers: up to which time each user has read.
	ReadMarkers bool
	// Private makes a collection for messages between two people, which only those two may read. Directus 12 without a
	// licence cannot grant that: Run then reports it and makes no collection, unless PrivateReadable accepts that everybody
	// with the role can read these messages over the API.
	Private, PrivateReadable bool
	// DryRun reports what Run would do, and changes nothing.
	DryRun bool
}

func (o Options) withDefaults() Options {
	o.Collection = cmp.Or(o.Collection, "messages")
	o.Fields.Text = cmp.Or(o.Fields.Text, "text")
	o.Fields.Author = cmp.Or(o.Fields.Author, "user_created")
	o.Fields.Date = cmp.Or(o.Fields.Date, "date_created")
	o.Fields.Nonce = cmp.Or(o.Fields.Nonce, "nonce")
	o.Fields.Kind = kindField
	if len(o.NickFields) == 0 {
		o.NickFields = usualNick
	}
	return o
}

// usualNick is the default of Options.NickFields, and of nick in the configuration.
var usualNick = []string{"first_name", "last_name"}

// name matches the names of collections and fields that Directus accepts and that need no escaping in a path.
var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate reports a mistake in the options. Run calls it before it sends anything to Directus.
func (o Options) Validate() error {
	o = o.withDefaults()
	names := map[string]bool{}
	for _, n := range append([]string{o.Collection, o.Fields.Text, o.Fields.Author, o.Fields.Date, o.Fields.Nonce}, o.NickFields...) {
		if !name.MatchString(n) || len(n) > 63 {
			return fmt.Errorf("%q is not a name for a collection or field: use letters, digits and underscores, a letter first", n)
		}
	}
	if strings.HasPrefix(o.Collection, "directus_") {
		return fmt.Errorf("%q is a collection of Directus itself: choose another name", o.Collection)
	}
	if slices.Contains(o.AttachRoles, "") {
		return errors.New("--attach-role names none: give the name or id of a role")
	}
	if slices.Contains(o.AttachUsers, "") {
		return errors.New("--attach-user names none: give the e-mail address, name or id of a user")
	}
	if o.PrivateReadable && !o.Private {
		return errors.New("--private-readable has no effect without --private: add --private")
	}
	for _, other := range []struct {
		wanted bool
		name   string
	}{{o.Private, privateCollection}, {o.Private && o.Reactions, privateCollection + reactionsSuffix}, {o.ReadMarkers, markersCollection},
		{o.Rooms, roomsCollection}, {o.Rooms, membersCollection}} {
		if other.wanted && o.Collection == other.name {
			return fmt.Errorf("setup uses the collection %q for something else: choose another name for the messages", o.Collection)
		}
	}
	fields := []string{"id", o.Fields.Text, o.Fields.Author, o.Fields.Date, o.Fields.Nonce, o.Fields.Kind}
	if o.Replies {
		fields = append(fields, replyField)
	}
	if o.Files {
		fields = append(fields, fileField)
	}
	if o.Rooms {
		fields = append(fields, roomField)
	}
	for _, n := range fields {
		if names[n] {
			return fmt.Errorf("two fields of the collection have the name %q: give each a name of its own", n)
		}
		names[n] = true
	}
	return nil
}

// Run makes what is missing and reports what it did, found, or would do. account must be that of an administrator. An
// error means that Directus could not be reached or refused a step. The Report then lists what was done before, and
// another run continues from there. What exists and does not fit is no error; see Report.Complete.
func Run(ctx context.Context, account Account, opts Options) (Report, error) {
	opts = opts.withDefaults()
	r := &run{account: account, opts: opts, keyType: "integer", report: Report{options: opts, fields: opts.Fields}}
	if err := opts.Validate(); err != nil {
		return r.report, err
	}
	for _, step := range []func(context.Context) error{
		r.lookAround,
		r.plan,
		r.collection,
		r.role,
		r.policy,
		func(ctx context.Context) error { return r.piece(ctx, piece{opts.Rooms, "--rooms", r.rooms}) },
		r.permissions,
		r.optional,
	} {
		if err := step(ctx); err != nil {
			return r.report, err
		}
	}
	r.report.done = true
	return r.report, nil
}

// run is the state of one Run.
type run struct {
	account  Account
	opts     Options
	policies bool   // Directus 11 and newer: permissions belong to policies, not to roles
	owner    owner  // of the permissions
	keyType  string // type of the primary key of the messages
	report   Report

	makesRole bool     // there is a role of setup's own, or it is to be made
	holders   []holder // who has the permissions beside that role, or is to get them
}

// lookAround finds out whether there are policies, and refuses an account that is not an administrator's.
func (r *run) lookAround(ctx context.Context) error {
	// A user who is not an administrator may be allowed to read roles, but not this.
	if err := r.get(ctx, "/collections/directus_users", nil, nil); err != nil {
		return adminNeeded("read the collections", err)
	}
	err := r.get(ctx, "/policies", url.Values{"limit": {"1"}}, nil)
	switch {
	case err == nil:
		r.policies, r.owner = true, owner{"policy", policyID}
	case directus.IsCode(err, directus.CodeRouteNotFound): // Directus 10
		r.owner = owner{"role", RoleID}
	default:
		return adminNeeded("read the policies", err)
	}
	return nil
}

func adminNeeded(what string, err error) error {
	if directus.IsCode(err, directus.CodeForbidden) {
		return fmt.Errorf("%s: %w: setup needs the login or the token of an administrator", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (r *run) get(ctx context.Context, path string, query url.Values, out any) error {
	return r.account.Do(ctx, http.MethodGet, path, query, nil, out)
}

// change makes one change and reports it. In a dry run it only reports it.
func (r *run) change(ctx context.Context, s Step, method, path string, body any) error {
	if r.opts.DryRun {
		s.Status = map[Status]Status{Created: WouldCreate, Changed: WouldChange}[s.Status]
		r.report.add(s)
		return nil
	}
	if err := r.account.Do(ctx, method, path, nil, body, nil); err != nil {
		if !directus.IsCode(err, directus.CodeRecordNotUnique) {
			return explain(s.What, err)
		}
		s.Status = Present // another run has made it meanwhile
	}
	r.report.add(s)
	return nil
}

// explain adds the message of Directus, which an administrator may see, and for a known refusal what to do.
func explain(what string, err error) error {
	refusal, ok := errors.AsType[*directus.Error](err)
	if !ok {
		return fmt.Errorf("%s: %w", what, err)
	}
	text := refusal.Message
	if refusal.Code == directus.CodeLimitExceeded {
		text += " The licence of this Directus allows no more of them: remove one, or add a licence key."
	}
	return fmt.Errorf("%s: %w: %s", what, err, text)
}
