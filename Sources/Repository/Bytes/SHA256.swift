import CCrypto

/// SHA-256 by libcrypto, one after the other: not for two threads at once.
final class SHA256 {
  // SAFETY: EVP_MD_CTX_new fails only when memory runs out, as any Swift allocation would trap; owned here and
  // freed in deinit. EVP_sha256() is a constant of the library.
  private let context = EVP_MD_CTX_new()!
  private let algorithm = EVP_sha256()

  init() { reset() }

  deinit { EVP_MD_CTX_free(context) }

  private func reset() {
    let initialized = EVP_DigestInit_ex(context, algorithm, nil)
    precondition(initialized == 1, "libcrypto refuses SHA-256")
  }

  func update(_ span: RawSpan) {
    let updated = span.withUnsafeBytes { EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
    precondition(updated == 1, "libcrypto refuses data for SHA-256")
  }

  /// The digest of all since the last call; begins anew.
  func finish() -> BlobID {
    var digest = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
    let finished = withUnsafeMutableBytes(of: &digest) {
      EVP_DigestFinal_ex(context, $0.bindMemory(to: UInt8.self).baseAddress, nil)
    }
    precondition(finished == 1, "libcrypto does not finish SHA-256")
    reset()
    return BlobID(
      words: (
        digest.0.bigEndian, digest.1.bigEndian, digest.2.bigEndian, digest.3.bigEndian
      ))
  }

  func digest(_ span: RawSpan) -> BlobID {
    update(span)
    return finish()
  }
}
