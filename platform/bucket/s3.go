package bucket

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"housecall/platform/fault"
)

const (
	connectWithin = 3 * time.Second
	stalled       = 30 * time.Second // without a byte either way: the server hangs
	abortWithin   = 5 * time.Second
	tries         = 3
	// partSize is how much of a file is in memory while it is sent, in bytes. S3 takes 10,000 parts, so files may have 160 GB.
	partSize = 16 << 20
	maxParts = 10_000
)

// objects is an engine of an object store that speaks S3.
type objects struct {
	core   minio.Core
	bucket string
	prefix string // of every name; empty, or with a slash at its end
	shown  string
	part   int // bytes of a file that are sent at once

	transport *http.Transport
}

// dialer connects, as net.Dialer does.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

func openS3(address string) (*objects, error) {
	return openS3By(address, (&net.Dialer{Timeout: connectWithin}).DialContext, partSize)
}

// openS3By is openS3 over other connections, and with another size of parts.
func openS3By(address string, dial dialer, part int) (*objects, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("s3://…: this is no address") // the error would show all of it
	}
	if u.User != nil {
		return nil, errors.New("s3://…: keys do not stand in the address: give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or in ~/.aws/credentials")
	}
	query := u.Query()
	for name := range query {
		if name != "region" && name != "endpoint" && name != "ca" {
			return nil, fmt.Errorf("%s has no option %q: there are region, endpoint and ca", safeURL(u), name)
		}
	}
	region := query.Get("region")
	if region == "" {
		region = "us-east-1"
	}
	endpoint, err := url.Parse(query.Get("endpoint"))
	if query.Get("endpoint") == "" {
		endpoint, err = &url.URL{Scheme: "https", Host: "s3." + region + ".amazonaws.com"}, nil
	}
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "https" && endpoint.Scheme != "http" || endpoint.User != nil || strings.Trim(endpoint.Path, "/") != "" {
		return nil, fmt.Errorf("%s: write its endpoint as in https://HOST:PORT", safeURL(u))
	}
	roots, err := roots(query.Get("ca"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", safeURL(u), err)
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           moving(dial),
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:   connectWithin,
		ExpectContinueTimeout: connectWithin,
		IdleConnTimeout:       stalled,
		DisableCompression:    true, // files come as they were put there
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds: credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{},
			&credentials.IAM{Client: &http.Client{Transport: transport, Timeout: connectWithin}}}),
		Secure: endpoint.Scheme == "https", Transport: transport, Region: region, MaxRetries: tries,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", safeURL(u), err)
	}
	o := &objects{core: minio.Core{Client: client}, bucket: u.Host, prefix: strings.Trim(u.Path, "/"), shown: safeURL(u), part: part, transport: transport}
	if o.prefix != "" {
		o.prefix += "/"
	}
	return o, nil
}

// roots reads the certificates of one's own authority; nil: the system's.
func roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return pool, nil
}

// moving has connections fail when nothing moves on them for so long. A bound for the whole of a transfer would depend on its size.
func moving(dial dialer) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &movingConn{conn}, nil
	}
}

type movingConn struct{ net.Conn }

func (c *movingConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(stalled)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

// Write also gives a read that waits for the answer longer: it began before all was sent.
func (c *movingConn) Write(b []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(stalled)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// onlyNew are options of putting what was not there.
func onlyNew() minio.PutObjectOptions {
	o := minio.PutObjectOptions{SendContentMd5: true}
	o.SetMatchETagExcept("*")
	return o
}

// Put sends one part as one request, and more of them as an upload that shows under its name when it is complete.
func (o *objects) Put(ctx context.Context, name string, from io.Reader) error {
	if err := checkName(name); err != nil {
		return err
	}
	part := make([]byte, o.part)
	n, err := fill(part, from)
	if err != nil {
		return err
	}
	if n < len(part) {
		_, err = o.core.Client.PutObject(ctx, o.bucket, o.prefix+name, bytes.NewReader(part[:n]), int64(n), onlyNew())
		return mappedS3(ctx, err)
	}
	id, err := o.core.NewMultipartUpload(ctx, o.bucket, o.prefix+name, minio.PutObjectOptions{})
	if err != nil {
		return mappedS3(ctx, err)
	}
	parts, err := o.putParts(ctx, name, id, part, from)
	if err == nil {
		_, err = o.core.CompleteMultipartUpload(ctx, o.bucket, o.prefix+name, id, parts, onlyNew())
		err = mappedS3(ctx, err)
	}
	if err != nil { // what was sent would be paid for, and never seen
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortWithin)
		defer cancel()
		_ = o.core.AbortMultipartUpload(ctx, o.bucket, o.prefix+name, id)
	}
	return err
}

// putParts sends a part that is full, and what follows.
func (o *objects) putParts(ctx context.Context, name, id string, part []byte, from io.Reader) (parts []minio.CompletePart, err error) {
	for n := len(part); n > 0; {
		if len(parts) == maxParts {
			return nil, fmt.Errorf("%s: a file may have %d bytes", name, int64(maxParts)*int64(len(part)))
		}
		sent, err := o.core.PutObjectPart(ctx, o.bucket, o.prefix+name, id, len(parts)+1, bytes.NewReader(part[:n]), int64(n), minio.PutObjectPartOptions{})
		if err != nil {
			return nil, mappedS3(ctx, err)
		}
		parts = append(parts, minio.CompletePart{PartNumber: sent.PartNumber, ETag: sent.ETag})
		if n, err = fill(part, from); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// fill reads until b is full or all is read. Unlike io.ReadFull it takes what is cut off (io.ErrUnexpectedEOF) for an error, not for the end.
func fill(b []byte, from io.Reader) (n int, err error) {
	for n < len(b) && err == nil {
		var more int
		more, err = from.Read(b[n:])
		n += more
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// Get asks for the object once; what breaks off midway is an error of reading.
func (o *objects) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	body, _, _, err := o.core.GetObject(ctx, o.bucket, o.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, mappedS3(ctx, err)
	}
	return &objectBody{body, ctx}, nil
}

// objectBody gives errors of the network their kind.
type objectBody struct {
	io.ReadCloser
	ctx context.Context
}

func (b *objectBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = mappedS3(b.ctx, err)
	}
	return n, err
}

// Delete removes the object. Where the bucket keeps versions, it keeps this one.
func (o *objects) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return mappedS3(ctx, o.core.RemoveObject(ctx, o.bucket, o.prefix+name, minio.RemoveObjectOptions{}))
}

// List asks for a thousand at a time.
func (o *objects) List(ctx context.Context, f func(File) error) error {
	for object := range o.core.ListObjectsIter(ctx, o.bucket, minio.ListObjectsOptions{Prefix: o.prefix}) {
		if object.Err != nil {
			return mappedS3(ctx, object.Err)
		}
		name := strings.TrimPrefix(object.Key, o.prefix)
		if checkName(name) != nil {
			continue // a folder in it
		}
		if err := f(File{Name: name, Size: object.Size, At: object.LastModified}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Tidy ends uploads that were never completed.
func (o *objects) Tidy(ctx context.Context, before time.Time) error {
	ctx, cancel := context.WithCancel(ctx) // ends the listing when we do
	defer cancel()
	for upload := range o.core.ListIncompleteUploads(ctx, o.bucket, o.prefix, true) {
		if upload.Err != nil {
			return mappedS3(ctx, upload.Err)
		}
		if !upload.Initiated.Before(before) || checkName(strings.TrimPrefix(upload.Key, o.prefix)) != nil {
			continue // it may go on, or is in a folder in it, which is another's
		}
		if err := o.core.AbortMultipartUpload(ctx, o.bucket, upload.Key, upload.UploadID); err != nil {
			return mappedS3(ctx, err)
		}
	}
	return ctx.Err()
}

// Ping asks for the bucket.
func (o *objects) Ping(ctx context.Context) error {
	found, err := o.core.BucketExists(ctx, o.bucket)
	if err == nil && !found {
		err = fmt.Errorf("there is no bucket %q", o.bucket)
	}
	return mappedS3(ctx, err)
}

// Close ends idle connections.
func (o *objects) Close() { o.transport.CloseIdleConnections() }

func (o *objects) String() string { return o.shown }

// mappedS3 gives errors the kinds that callers know: what the store says about a request is an error as it stands, all else is the store being away.
func mappedS3(ctx context.Context, err error) error {
	var said minio.ErrorResponse
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return errors.Join(ctx.Err(), err)
	case !errors.As(err, &said):
		return fault.Away(err)
	case said.Code == "NoSuchKey":
		return fmt.Errorf("%w: %w", fault.NotFound, err)
	case said.StatusCode == http.StatusPreconditionFailed:
		return fmt.Errorf("%w: %w", fs.ErrExist, err)
	case said.StatusCode >= 500, said.StatusCode == http.StatusTooManyRequests, said.StatusCode == http.StatusConflict, said.StatusCode == http.StatusRequestTimeout:
		return fault.Away(err)
	}
	return err
}
