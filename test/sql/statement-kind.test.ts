import { describe, expect, test } from 'vitest'
import { statementKind } from '../../src/sql/statement-kind.ts'

describe('the kind of a statement', () => {
  test.each([
    'select * from item where id = $1',
    '  -- a remark; with a semicolon\n  /* and another */ (select 1) union (select 2)'.replace(';', ''),
    'with recent as (select 1) select * from recent',
    'values (1), (2)',
    'table item',
    'select 1;',
  ])('is a plain read: %s', (text) => {
    expect(statementKind(text)).toEqual({ isPlainRead: true, changesSession: false })
  })

  test.each([
    'insert into item values (1)',
    'update item set cents = 1',
    'with gone as (delete from item returning id) select * from gone',
    'select * from item for update',
    'select * from item for key share',
    'select * into copy from item',
    'select 1; select 2',
    'begin',
    'call tidy()',
    'explain select 1',
    'select pg_advisory_xact_lock(1)',
    `select currval('item_id_seq')`,
    'select pg_sleep(1)',
    `select pg_logical_emit_message(true, 'a', 'b')`,
    '',
  ])('is no plain read: %s', (text) => {
    expect(statementKind(text).isPlainRead).toBe(false)
  })

  test.each([
    `set search_path = other`,
    `SET SESSION statement_timeout = 1`,
    'select 1; set role nobody',
    '/* set local */ set role nobody',
    'reset all',
    `select set_config('app.tenant', '1', false)`,
    `select set_config('app.tenant', $1, $2)`,
    'select pg_advisory_lock(1)',
    'select pg_try_advisory_lock_shared(1)',
    'listen news',
    'prepare one as select 1',
    'create temporary table t (id int)',
    'select 1 into temp t',
    `do $$ begin perform set_config('a.b', 'c', false); end $$`,
    'call tidy()',
    "load 'auto_explain'",
  ])('leaves something behind in the session: %s', (text) => {
    expect(statementKind(text).changesSession).toBe(true)
  })

  test.each([
    'set local statement_timeout = 1; truncate item',
    'set transaction isolation level serializable',
    'SET CONSTRAINTS ALL DEFERRED',
    `select set_config('app.tenant', $1, true)`,
    'update item set cents = 1',
    'create table item (id int)',
    'select pg_advisory_xact_lock(1)',
    'begin isolation level serializable read only',
    'commit',
    '',
  ])('leaves nothing behind: %s', (text) => {
    expect(statementKind(text).changesSession).toBe(false)
  })

  test('of endless texts is not remembered for ever', () => {
    for (let count = 0; count < 5_000; count++) statementKind(`select ${count}`)
    expect(statementKind('select 1').isPlainRead).toBe(true)
  })
})
