package chdb

import (
	"errors"
	"io"
	"mime/multipart"
)

// multipartValues reads the fields of a form. Files would be external tables,
// which the engine cannot take.
func multipartValues(body io.Reader, boundary string) (map[string]string, error) {
	form := map[string]string{}
	parts := multipart.NewReader(body, boundary)
	left := int64(maxStatementBytes)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return form, nil
		}
		if err != nil {
			return nil, refuse(codeBadRequest, "BAD_ARGUMENTS", "the form cannot be read: %v", err)
		}
		if part.FileName() != "" || part.FormName() == "" || part.Header.Get("Content-Type") == "application/octet-stream" {
			return nil, refuse(codeNotImplemented, "NOT_IMPLEMENTED", "external tables are not supported by the engine in process; use an array parameter or a temporary table")
		}
		value, err := io.ReadAll(io.LimitReader(part, left+1))
		if err != nil {
			return nil, refuse(codeBadRequest, "BAD_ARGUMENTS", "the form cannot be read: %v", err)
		}
		if left -= int64(len(value)); left < 0 {
			return nil, refuse(codeBadRequest, "BAD_ARGUMENTS", "the form is longer than %d bytes", maxStatementBytes)
		}
		form[part.FormName()] = string(value)
	}
}
