// SPDX-License-Identifier: Apache-2.0
// A write in terms of fields on its way through the files api_fields*.c. Private to them.
#pragma once

#include "operator/standalone/api_fields.h"
#include "operator/standalone/field_owners.h"
#include "operator/standalone/fieldset_typed.h"

struct fields {
  struct api_call *call;
  const struct write_request *request;
  const struct json *schema;
  struct arena *arena;
  struct field_owners owners;
};

void fields_init(struct fields *f, struct api_call *call, const struct write_request *request,
                 const struct json *schema);
// Who writes, without fields.
struct field_owner fields_writer(const struct fields *f, bool applies);
// The object as it is compared: without managedFields, and as Go's structs show it.
struct json *fields_seen(const struct fields *f, const struct json *object);
// Takes out what a write through this part of the object cannot change.
void fields_drop_reset(const struct fields *f, struct fieldset *set);
// The set without what nobody owns: identity, and what the server sets.
struct fieldset *fields_stripped(const struct fields *f, struct fieldset *set);
void fields_set_owners(struct fields *f, struct json *object);
struct fieldset *fields_touched_by(const struct fields *f, const struct typed_change *change);
struct typed_change fields_changes(const struct fields *f, const struct json *a,
                                   const struct json *b);
void fields_reconcile(struct fields *f, const struct json *live);
// Takes what changed from all owners but `but`.
void fields_take_from_others(struct fields *f, const struct typed_change *change,
                             const struct field_owner *but);
void fields_update(struct fields *f, const struct json *a, const struct json *b,
                   struct field_owner self);
// 409 when others own what changes, but for `allowed`.
int fields_check_conflicts(struct fields *f, const struct field_owner *own,
                           const struct fieldset *touched, const struct fieldset *allowed);
// What is applied has the type that is asked for; somebody applies it.
int fields_check_type(const struct fields *f, struct str version, const char *kind);
int fields_check_manager(const struct fields *f);
// 500: what is applied has other types than its schema.
int fields_bad_type(const struct fields *f, struct str version, const char *kind, const char *why);
