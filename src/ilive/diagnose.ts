// (being written)
import type { Secret } from '../secret.ts';
import type { SecretEncoding, SignatureFailure, SignatureHeaders, Template } from './signature.ts';

export interface KnownSecret { readonly account: string; readonly name: string; readonly secret: Secret; readonly state: 'active' | 'retiring' | 'retired' }
export interface DiagnosisInput { readonly account: string; readonly reason: SignatureFailure; readonly headers: SignatureHeaders; readonly contentEncoding?: string | undefined; readonly body: Buffer; readonly receivedAt: Date }
export interface DiagnosisOptions { readonly secrets: readonly KnownSecret[]; readonly encoding: SecretEncoding; readonly template: Template; readonly toleranceSeconds: number; readonly maxHashedBytes: number }
export interface Diagnosis { readonly findings: readonly { readonly text: string }[]; readonly isComplete: boolean }
export function diagnose(_input: DiagnosisInput, _options: DiagnosisOptions): Diagnosis { return { findings: [], isComplete: false }; }
