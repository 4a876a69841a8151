import CZstd

/// A compressor's working memory; not for two threads at once.
final class Compressor {
  // SAFETY: creation fails only when memory runs out; owned here and freed in deinit.
  private let context = ZSTD_createCCtx()!
  private let level: Int32

  init(level: Int) { self.level = Int32(clamping: level) }

  deinit { ZSTD_freeCCtx(context) }

  /// Compresses `source` into the start of `target`. Nil: it does not fit.
  func compress(_ source: RawSpan, into target: inout MutableRawSpan) -> Int? {
    // SAFETY: both lengths are those of live spans that do not overlap; zstd writes within the capacity.
    let written = source.withUnsafeBytes { source in
      target.withUnsafeMutableBytes { target in
        ZSTD_compressCCtx(
          context, target.baseAddress, target.count, source.baseAddress, source.count, level)
      }
    }
    return ZSTD_isError(written) == 0 ? written : nil
  }
}

/// A decompressor's working memory; not for two threads at once.
final class Decompressor {
  // SAFETY: creation fails only when memory runs out; owned here and freed in deinit.
  private let context = ZSTD_createDCtx()!

  deinit { ZSTD_freeDCtx(context) }

  /// Decompresses one frame that must fill `target` exactly.
  func decompress(_ source: RawSpan, into target: inout MutableRawSpan) throws(FormatError) {
    // SAFETY: both lengths are those of live spans that do not overlap; zstd writes within the capacity.
    let written = source.withUnsafeBytes { source in
      target.withUnsafeMutableBytes { target in
        ZSTD_decompressDCtx(
          context, target.baseAddress, target.count, source.baseAddress, source.count)
      }
    }
    guard ZSTD_isError(written) == 0 else {
      throw FormatError("zstd: " + String(cString: ZSTD_getErrorName(written)))
    }
    guard written == target.byteCount else {
      throw FormatError("it decompresses to \(written) bytes instead of \(target.byteCount)")
    }
  }
}
