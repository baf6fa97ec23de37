package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus/setup"
)

type configCmd struct {
	URL string `name:"url" placeholder:"URL" help:"Print the shortest configuration for the Directus at this address, as setup makes it, instead of all keys."`
	Out string `placeholder:"FILE" help:"Save the configuration in this file, unless there is one."`
}

// Run prints a configuration, or saves it.
func (c configCmd) Run(env *environment) error {
	text := config.Example
	if c.URL != "" {
		if err := config.CheckURL(c.URL); err != nil {
			return usageError{fmt.Errorf("--url: %w: write the address of your Directus, such as https://chat.example.com", err)}
		}
		text = setup.UsualConfig(setup.Connection{URL: c.URL})
	}
	if c.Out == "" {
		_, err := io.WriteString(env.Stdout, text)
		return err
	}
	saved, err := save(c.Out, text)
	if err == nil && saved == "" {
		err = fmt.Errorf("%s exists and is left as it is: remove it, or name another file with --out", c.Out)
	}
	if err == nil {
		fmt.Fprintln(env.Stdout, saved)
	}
	return err
}

// savable reports why save would fail. It leaves nothing behind.
func savable(file string) error {
	switch info, err := os.Stat(file); {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a folder: name a file in it", file)
	case err == nil:
		return nil // which save leaves as it is
	}
	probe, err := os.CreateTemp(filepath.Dir(file), ".config-*")
	if path := new(fs.PathError); errors.As(err, &path) {
		return fmt.Errorf("%s cannot be made: %w", file, path.Err)
	}
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// save writes a configuration into a new file. Everybody may read it: it holds no secret, and the systemd unit runs the daemon
// as a user of its own. save overwrites nothing. saved says where the
// configuration is; it is empty if a file of that name holds something else.
func save(file, text string) (saved string, err error) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		if kept, err := os.ReadFile(file); err == nil && string(kept) == text {
			return fmt.Sprintf("%s holds this configuration already.", file), nil
		}
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("save the configuration: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("save the configuration: %w", errors.Join(err, os.Remove(file)))
	}
	return fmt.Sprintf("The configuration is saved in %s.", file), nil
}
