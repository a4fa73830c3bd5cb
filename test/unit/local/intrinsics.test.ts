import { expect, test } from 'vitest'
import { resolveIntrinsics } from '../../../infra/local/aws/intrinsics.ts'

const lookup = (id: string, attribute: string) => (id === 'Thing' ? `<${attribute}>` : undefined)

test.each([
  [{ Ref: 'Thing' }, '<Ref>'],
  [{ 'Fn::GetAtt': ['Thing', 'Arn'] }, '<Arn>'],
  [{ 'Fn::Join': ['-', ['a', { Ref: 'Thing' }]] }, 'a-<Ref>'],
  [{ 'Fn::Select': [1, { 'Fn::Split': ['/', 'a/b/c'] }] }, 'b'],
  [{ 'Fn::Sub': `\${Thing}/\${Thing.Arn}/\${!Thing}` }, `<Ref>/<Arn>/\${Thing}`],
  [{ 'Fn::Sub': [`\${own}`, { own: { Ref: 'Thing' } }] }, '<Ref>'],
  [{ inner: [{ Ref: 'Thing' }, 1, null] }, { inner: ['<Ref>', 1, null] }],
])('%j is resolved', (value, resolved) => {
  expect(resolveIntrinsics(value, lookup)).toEqual(resolved)
})

test('what cannot be resolved is an error', () => {
  expect(() => resolveIntrinsics({ Ref: 'Other' }, lookup)).toThrow('does not know Ref of Other')
  expect(() => resolveIntrinsics({ 'Fn::If': ['a', 'b', 'c'] }, lookup)).toThrow('cannot resolve Fn::If')
})
