package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"directus-ircd/directus"
)

// credentialFlags log a command in to Directus. The daemon itself has no
// credentials: it uses those of the people who connect.
type credentialFlags struct {
	Email         string `env:"DIRECTUS_EMAIL" placeholder:"EMAIL" help:"E-mail address to log in with; for check with login.provider, the name that this provider knows."`
	Password      string `env:"DIRECTUS_PASSWORD" placeholder:"PASSWORD" help:"Password of --email; \"-\" reads it from standard input, and without any it is asked for. On the command line other users of this machine can see it: prefer \"-\" or the environment."`
	PasswordStdin bool   `help:"The same as --password=-."`
	PasswordFile  string `env:"DIRECTUS_PASSWORD_FILE" placeholder:"FILE" help:"File whose first line is the password of --email."`
	Token         string `env:"DIRECTUS_TOKEN" placeholder:"TOKEN" help:"Static token to use instead of an e-mail address; \"-\" reads it from standard input. The same warning holds."`
	TokenStdin    bool   `help:"The same as --token=-."`
	TokenFile     string `env:"DIRECTUS_TOKEN_FILE" placeholder:"FILE" help:"File whose first line is the static token."`
	provider      string // of Directus, that the password is for; empty: its own login
	OTP           string `name:"otp" placeholder:"CODE" help:"One-time code, if the account has two-factor authentication."`
}

// given reports whether a login was asked for at all.
func (f *credentialFlags) given() bool {
	return f.Email != "" || f.Password != "" || f.PasswordStdin || f.PasswordFile != "" || f.Token != "" || f.TokenStdin || f.TokenFile != ""
}

// complete reads what is in files and on standard input, and checks that the flags fit
// together.
func (f *credentialFlags) complete(env *environment) error {
	if f.PasswordStdin {
		f.Password = "-"
	}
	if f.TokenStdin {
		f.Token = "-"
	}
	if err := fromFile("password", f.PasswordFile, &f.Password); err != nil {
		return err
	}
	if err := fromFile("token", f.TokenFile, &f.Token); err != nil {
		return err
	}
	switch {
	case f.Token != "" && f.Email != "":
		return usageError{errors.New("both a token and an e-mail address are given: use --token (DIRECTUS_TOKEN) or --email with --password (DIRECTUS_EMAIL, DIRECTUS_PASSWORD), not both")}
	case f.Token == "" && f.Email == "":
		return usageError{errors.New("no login is given: use --token or --token-file (DIRECTUS_TOKEN, DIRECTUS_TOKEN_FILE), or --email and --password or --password-file (DIRECTUS_EMAIL, DIRECTUS_PASSWORD, DIRECTUS_PASSWORD_FILE)")}
	case f.Token == "-":
		return readSecret(env, "token", &f.Token)
	case f.Email != "" && (f.Password == "-" || f.Password == ""):
		return readSecret(env, "password", &f.Password)
	}
	return nil
}

// fromFile reads a secret from the first line of a file, unless the name of the file is empty.
func fromFile(what, file string, into *string) error {
	if file == "" {
		return nil
	}
	if *into != "" {
		return usageError{fmt.Errorf("both a %s and a file with one are given: use --%[1]s or --%[1]s-file, not both", what)}
	}
	f, err := os.Open(file)
	if err != nil {
		return usageError{fmt.Errorf("--%s-file: %w", what, err)}
	}
	defer f.Close()
	if *into, err = firstLine(f); err != nil {
		return usageError{fmt.Errorf("--%s-file: %w", what, err)}
	}
	if *into == "" {
		return usageError{fmt.Errorf("--%s-file: the first line of %s is empty", what, file)}
	}
	return nil
}

// firstLine reads up to the end of a line, which it leaves out.
func firstLine(from io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(from, 64<<10)).ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}

// readSecret asks on a terminal, without echo, or takes the first line of what
// is piped in.
func readSecret(env *environment, what string, into *string) error {
	if stdin, ok := env.Stdin.(*os.File); ok && term.IsTerminal(int(stdin.Fd())) {
		fmt.Fprintf(env.Stderr, "Directus %s: ", what)
		secret, err := term.ReadPassword(int(stdin.Fd()))
		fmt.Fprintln(env.Stderr)
		if err != nil {
			return fmt.Errorf("read the %s: %w", what, err)
		}
		*into = string(secret)
	} else {
		var err error
		if *into, err = firstLine(env.Stdin); err != nil {
			return fmt.Errorf("read the %s: %w", what, err)
		}
	}
	if *into == "" {
		return usageError{fmt.Errorf("the %s is empty: write it to standard input, or use --%[1]s or the environment", what)}
	}
	return nil
}

// login opens a Directus session, once: a refused password is not tried again.
func (f *credentialFlags) login(ctx context.Context, client *directus.Client) (*directus.Account, error) {
	if f.Token != "" {
		return client.LoginToken(ctx, f.Token)
	}
	return client.LoginWith(ctx, f.provider, f.Email, f.Password, f.OTP)
}
