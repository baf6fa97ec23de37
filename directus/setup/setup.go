// Package setup makes in a Directus what a chat over IRC needs and what the guide "Build a multi-user chat" makes by
// hand: a collection for the messages, and a role whose holders may read and write it. It works on Directus
// 10, 11 and 12, the latter with and without a licence.
//
// Everything it makes has a fixed id or name, so that a second run finds the work of the first. It adds and never
// overwrites: what is there and differs is reported, with the way out.
package setup

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"directus-ircd/directus"
)

// Ids of what Run makes. They are the same in every Directus: these objects have no unique names, and the id is
// how a later run knows them again.
const (
	// RoleID is the role to give to the people who chat.
	RoleID   = "7c5b1d5e-3a7e-4c0b-9f0a-1d5c6f2e8a01"
	policyID = "7c5b1d5e-3a7e-4c0b-9f0a-1d5c6f2e8a02"
	accessID = "7c5b1d5e-3a7e-4c0b-9f0a-1d5c6f2e8a03"
)

// Account makes calls as an administrator; *directus.Account is one. Do sends body as JSON, decodes the "data" of the
// answer into out, and returns an error that wraps *directus.Error where Directus refused.
type Account interface {
	Do(ctx context.Context, method, path string, query url.Values, body, out any) error
}

// Fields names the fields of the collection. Date and Author are filled in by Directus.
type Fields struct {
	Text   string `yaml:"text"`
	Author string `yaml:"author"`
	Date   string `yaml:"date"`
	Nonce  string `yaml:"nonce"` // unique and chosen by the sender, which makes sending idempotent
	// Reply and Files are set in a Report alone.
	Reply string `yaml:"reply,omitempty"` // the message that is answered
	Files string `yaml:"files,omitempty"`
}

// Options says what Run makes. The zero value is the common case.
type Options struct {
	// Collection for the messages. Default: "messages".
	Collection string
	// Role is the name of the role and of its policy. Empty: that of the role that an earlier run made, else "IRC users". Run
	// makes one role: to ask for another name than that of the role that is there is an error.
	Role string
	// Fields of the collection. Defaults: text, user_created, date_created, nonce.
	Fields Fields
	// NickFields are the fields of directus_users that nicks are made from; the role may read them, of every user.
	// Default: first_name, last_name.
	NickFields []string
	// UsersNarrow refuses to let the role read all fields of directus_users, e-mail included, where Directus (12
	// without a licence) cannot express less. Then people only see each other's ids.
	UsersNarrow bool
	// Extend adds the fields that an existing collection lacks, and the relation to the users of an author field that is no
	// uuid. A uuid that Directus fills in with the author gets its relation without it; an author field that Directus does
	// not fill in never does.
	Extend bool
	// Widen makes a text field of limited length in an existing collection unlimited.
	Widen bool
	// Replies adds a field for the message that is answered.
	Replies bool
	// Files adds a field for a file, and lets the role read files.
	Files bool
	// Edit lets people change and delete their own messages; everybody's where Directus (12 without a licence) cannot express
	// less.
	Edit bool
	// Reactions makes a collection for reactions.
	Reactions bool
	// ReadMarkers makes a collection that says up to when people have read.
	ReadMarkers bool
	// Private makes a collection for messages between two people, which they alone may read. Where Directus (12 without a
	// licence) cannot express that, it is left out and reported, unless PrivateReadable agrees that everybody with the role
	// can read them over the API.
	Private, PrivateReadable bool
	// DryRun reports what would be done and does nothing.
	DryRun bool
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		field *string
		value string
	}{
		{&o.Collection, "messages"},
		{&o.Fields.Text, "text"},
		{&o.Fields.Author, "user_created"},
		{&o.Fields.Date, "date_created"},
		{&o.Fields.Nonce, "nonce"},
	} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if len(o.NickFields) == 0 {
		o.NickFields = []string{"first_name", "last_name"}
	}
	return o
}

// name is what Directus takes as the name of a collection or field, less what would need quoting in a path.
var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate tells a mistake in the options, which Run refuses without asking Directus anything.
func (o Options) Validate() error {
	o = o.withDefaults()
	names := map[string]bool{}
	for _, n := range append([]string{o.Collection, o.Fields.Text, o.Fields.Author, o.Fields.Date, o.Fields.Nonce}, o.NickFields...) {
		if !name.MatchString(n) || len(n) > 63 {
			return fmt.Errorf("%q is not a name for a collection or field: use letters, digits and underscores, a letter first", n)
		}
	}
	if len(o.Collection) > 9 && o.Collection[:9] == "directus_" {
		return fmt.Errorf("%q is a collection of Directus itself: choose another name", o.Collection)
	}
	if o.PrivateReadable && !o.Private {
		return errors.New("that private messages may be readable was agreed to, but they are not asked for: add --private")
	}
	for _, other := range []struct {
		wanted bool
		name   string
	}{{o.Private, privateCollection}, {o.ReadMarkers, markersCollection}} {
		if other.wanted && o.Collection == other.name {
			return fmt.Errorf("the collection %q is made for something else: choose another name", o.Collection)
		}
	}
	fields := []string{"id", o.Fields.Text, o.Fields.Author, o.Fields.Date, o.Fields.Nonce}
	if o.Replies {
		fields = append(fields, replyField)
	}
	if o.Files {
		fields = append(fields, fileField)
	}
	for _, n := range fields {
		if names[n] {
			return fmt.Errorf("two fields of the collection are called %q: give each its own name", n)
		}
		names[n] = true
	}
	return nil
}

// Run makes what is missing and reports what it did, found, or would do. account must be an
// administrator's. An error means that Directus could not be asked or refused a step; the Report then tells what was done
// before, and another run continues. What is there and differs is no error, see Report.Complete.
func Run(ctx context.Context, account Account, opts Options) (Report, error) {
	opts = opts.withDefaults()
	r := &run{account: account, opts: opts, keyType: "integer", report: Report{options: opts, fields: opts.Fields}}
	if err := opts.Validate(); err != nil {
		return r.report, err
	}
	for _, step := range []func(context.Context) error{
		r.lookAround,
		r.nameRole,
		r.collection,
		r.role,
		r.policy,
		r.permissions,
		r.basis,
		r.optional,
	} {
		if err := step(ctx); err != nil {
			return r.report, err
		}
	}
	return r.report, nil
}

// run is the state of one Run.
type run struct {
	account  Account
	opts     Options
	policies bool   // Directus 11 and newer: permissions belong to policies, not to roles
	keyType  string // of the messages' primary key
	report   Report
}

// lookAround finds out whom we talk to, and refuses an account that cannot do the work.
func (r *run) lookAround(ctx context.Context) error {
	var info struct{ Version string }
	if err := r.get(ctx, "/server/info", nil, &info); err != nil {
		return fmt.Errorf("ask directus for its version: %w", err)
	}
	r.report.Version = info.Version
	// A token of somebody who is no administrator may read roles, but not this.
	if err := r.get(ctx, "/collections/directus_users", nil, nil); err != nil {
		return adminNeeded("read the collections", err)
	}
	err := r.get(ctx, "/policies", url.Values{"limit": {"1"}}, nil)
	switch {
	case err == nil:
		r.policies = true
	case directus.IsCode(err, directus.CodeRouteNotFound): // Directus 10
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

// change makes one change, or leaves it out in a dry run, and reports it.
func (r *run) change(ctx context.Context, s Step, method, path string, body any) error {
	if r.opts.DryRun {
		s.Status = map[Status]Status{Created: WouldCreate, Changed: WouldChange}[s.Status]
		r.report.Steps = append(r.report.Steps, s)
		return nil
	}
	if err := r.account.Do(ctx, method, path, nil, body, nil); err != nil {
		if directus.IsCode(err, directus.CodeRecordNotUnique) {
			s.Status = Present // made by another run at this moment
			r.report.Steps = append(r.report.Steps, s)
			return nil
		}
		return explain(s.What, err)
	}
	r.report.Steps = append(r.report.Steps, s)
	return nil
}

// explain adds Directus' own words, which an administrator at work may see, and for a known refusal the way out.
func explain(what string, err error) error {
	refusal, ok := errors.AsType[*directus.Error](err)
	if !ok {
		return fmt.Errorf("%s: %w", what, err)
	}
	text := refusal.Message
	if refusal.Code == directus.CodeLimitExceeded {
		text += " The licence of this Directus allows no more of them: remove one or add a licence key."
	}
	return fmt.Errorf("%s: %w: %s", what, err, text)
}
